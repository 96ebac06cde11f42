/**
 * The identity of a peer: an Ed25519 key. Other peers know it by its peer id, and its signature is under every message.
 * The key of a site lies in its data directory, readable by its owner only; a simulation derives its keys from a seed
 * instead, so that the same command gives the same federation.
 */
import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
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
import { PRIVATE_FILE_MODE, readPrivate } from '../../src/files/private-file.ts'

const ANOTHER_KEY_HINT = 'Restore it from a backup, or give --data a new directory to take part under a new identity.'

/** A file in the data directory with the private key as libp2p's protobuf, raw bytes. */
export const KEY_FILE = 'peer.key'
/** A key file has 68 bytes; a much longer file is something else and is not read. */
const MAX_KEY_FILE_BYTES = 4096

/**
 * Reads the key of a data directory, or makes one.
 * @param signed - files and folders of the directory that hold something only where a key has signed
 * @throws {OutputError} OUTPUT_KEY_DAMAGED, OUTPUT_KEY_GONE, OUTPUT_KEY_OPEN, OUTPUT_UNWRITABLE
 */
export async function identityOf(directory: string, signed: readonly string[] = []): Promise<Ed25519PrivateKey> {
  const path = join(directory, KEY_FILE)
  const bytes = await readPrivate(path, MAX_KEY_FILE_BYTES, (mode) => openToOthers(path, mode))
  if (bytes === null) {
    for (const name of signed) {
      if (await holdsSomething(join(directory, name))) throw gone(path, name)
    }
    const key = await generateKeyPair('Ed25519')
    await writeDurably(path, privateKeyToProtobuf(key), PRIVATE_FILE_MODE)
    return key
  }
  try {
    const key = privateKeyFromProtobuf(bytes)
    if (key.type !== 'Ed25519') throw new TypeError(`a key of type ${key.type}`)
    await assertSigns(key)
    return key
  } catch (error) {
    throw new OutputError({
      code: 'OUTPUT_KEY_DAMAGED',
      what: `${path} is not an Ed25519 key`,
      hint: ANOTHER_KEY_HINT,
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

/** Whether a file has bytes, or a folder entries. */
async function holdsSomething(path: string): Promise<boolean> {
  try {
    const stats = await stat(path)
    return stats.isDirectory() ? (await readdir(path)).length > 0 : stats.size > 0
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw unwritable(path, error)
  }
}

function gone(path: string, name: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_KEY_GONE',
    what: `${path} is gone, but this site has signed with it (${name})`,
    hint: ANOTHER_KEY_HINT,
  })
}

function openToOthers(path: string, mode: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_KEY_OPEN',
    what: `the key ${path} is open to other accounts (mode ${mode})`,
    hint: `Close it: chmod 600 ${path}. If somebody else may have read it, use a new data directory instead.`,
  })
}
