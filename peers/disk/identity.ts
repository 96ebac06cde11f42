/**
 * The identity of a peer: an Ed25519 key. Other peers know it by its peer id, and its signature is under every message.
 * The key of a site lies in its data directory, readable by its owner only; a simulation derives its keys from a seed
 * instead, so that the same command gives the same federation.
 */
import { createHash } from 'node:crypto'
import { chmod, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generateKeyPair,
  generateKeyPairFromSeed,
  privateKeyFromProtobuf,
  privateKeyToProtobuf,
} from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'

/** A file in the data directory with the private key as libp2p's protobuf, raw bytes. */
export const KEY_FILE = 'peer.key'
/** Only the owner may read and write. */
const KEY_FILE_MODE = 0o600
/** A key file has 68 bytes; a much longer file is something else and is not read. */
const MAX_KEY_FILE_BYTES = 4096

/** Reads the key of a data directory, or makes one. @throws {OutputError} OUTPUT_KEY_DAMAGED, OUTPUT_UNWRITABLE */
export async function identityOf(directory: string): Promise<Ed25519PrivateKey> {
  const path = join(directory, KEY_FILE)
  const bytes = await readKey(path)
  if (bytes === null) {
    const key = await generateKeyPair('Ed25519')
    await writeDurably(path, privateKeyToProtobuf(key), KEY_FILE_MODE)
    return key
  }
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type !== 'Ed25519') throw new TypeError(`a key of type ${key.type}`)
    await assertSigns(key)
    await chmod(path, KEY_FILE_MODE)
    return key
  } catch (error) {
    throw new OutputError({
      code: 'OUTPUT_KEY_DAMAGED',
      what: `${path} is not an Ed25519 key`,
      hint: 'Restore it from a backup, or remove it to take part under a new identity.',
      cause: error,
    })
  }
}

/** One flipped bit gives a key that signs, and nobody can verify it. */
async function assertSigns(key: Ed25519PrivateKey): Promise<void> {
  const probe = Buffer.from('coppice/identity/probe')
  if (!(await key.publicKey.verify(probe, await key.sign(probe)))) throw new Error('its signatures do not verify')
}

/** A key that a simulation can make again. Its seed is SHA-256("coppice/simulate/key" NUL seed NUL index). */
export async function identityFromSeed(seed: string, index: number): Promise<Ed25519PrivateKey> {
  const digest = createHash('sha256').update(`coppice/simulate/key\0${seed}\0${index}`).digest()
  return generateKeyPairFromSeed('Ed25519', digest)
}

async function readKey(path: string): Promise<Uint8Array | null> {
  try {
    const { size } = await stat(path)
    return size > MAX_KEY_FILE_BYTES ? new Uint8Array() : await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}
