/**
 * Signatures: they prove who said what. A peer is its Ed25519 key: the libp2p peer id of such a key holds the key
 * itself, so whoever knows a roster can check every signature with nothing else. Signed bytes start with their purpose,
 * so that no signature can be presented as one for another purpose.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { z } from 'zod'
import { equalBytes } from './encoding.ts'

/**
 * The beginning of a peer id: identity multihash (0x00), 36 bytes, protobuf {type: Ed25519 (1), data: 32 bytes}.
 * Source: libp2p peer-ids specification.
 */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const PUBLIC_KEY_BYTES = 32
const PEER_ID_BYTES = PEER_ID_PREFIX.byteLength + PUBLIC_KEY_BYTES

/**
 * The beginnings of SubjectPublicKeyInfo and PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410, sections 4 and
 * 7).
 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A peer id that names an Ed25519 key, as multihash bytes. */
export const peerIdSchema: z.ZodType<Uint8Array> = z.custom<Uint8Array>(isPeerId, {
  message: 'must be the peer id of an Ed25519 key',
})

function isPeerId(value: unknown): boolean {
  return (
    value instanceof Uint8Array &&
    value.byteLength === PEER_ID_BYTES &&
    equalBytes(value.subarray(0, PEER_ID_PREFIX.byteLength), PEER_ID_PREFIX)
  )
}

/** Signs as one peer. */
export interface Signer {
  /** The peer id as multihash bytes. */
  readonly peerId: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/**
 * @param privateKey - libp2p's raw Ed25519 private key: 32 bytes of seed, 32 of public key
 * @throws {RangeError} the key does not have 64 bytes
 */
export function signerOf(privateKey: Uint8Array): Signer {
  if (privateKey.byteLength !== 64) throw new RangeError(`an Ed25519 key has 64 bytes, not ${privateKey.byteLength}`)
  const der = Buffer.concat([PKCS8_PREFIX, privateKey.subarray(0, 32)])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const peerId = new Uint8Array([...PEER_ID_PREFIX, ...privateKey.subarray(32)])
  return { peerId, sign: (bytes) => new Uint8Array(sign(null, bytes, key)) }
}

/** Checks signatures of one peer; about 0.06 ms each. */
export interface Verifier {
  readonly peerId: Uint8Array
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}

/** @throws {RangeError} not the peer id of an Ed25519 key */
export function verifierOf(peerId: Uint8Array): Verifier {
  if (!isPeerId(peerId)) throw new RangeError('not the peer id of an Ed25519 key')
  const key: KeyObject = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, peerId.subarray(PEER_ID_PREFIX.byteLength)]),
    format: 'der',
    type: 'spki',
  })
  return { peerId, verify: (bytes, signature) => verify(null, bytes, key, signature) }
}

/** The bytes that a signature covers: `coppice/<purpose>/1`, a zero byte, the fields one after another. */
export function signedBytes(purpose: string, ...fields: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.from(`coppice/${purpose}/1\0`), ...fields]))
}

/**
 * An unsigned integer below 2^32 as four bytes, least significant first: a field of signed bytes. @throws {RangeError}
 */
export function u32(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new RangeError(`${value} is no u32`)
  return Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24)
}

/** HMAC-SHA256 (RFC 2104). */
export function mac(secret: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', secret).update(bytes).digest())
}

/** Compares two MACs in a time that does not depend on where they differ. */
export function equalMacs(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
