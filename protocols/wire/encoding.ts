/**
 * The one encoding of every message: CBOR in the core deterministic form of RFC 8949, section 4.2.1 (shortest integers
 * and lengths, definite lengths only, map keys in bytewise order). A peer signs or hashes those bytes, so the decoder
 * refuses anything that the encoder would not have written: two encodings of one message would have two hashes.
 */
import { decode as decodeCbor, encode as encodeCbor, rfc8949EncodeOptions } from 'cborg'
import { z } from 'zod'

/** A SHA-256. */
export const HASH_BYTES = 32
/** An Ed25519 signature (RFC 8032). */
const SIGNATURE_BYTES = 64

/**
 * The reason why bytes are not a message. Reasons are stable, for logs and tests. The author of the bytes is at fault.
 */
export type MalformedReason = 'too large' | 'not CBOR' | 'not canonical' | 'not this message'

/**
 * Bytes from another peer or a file that are not the expected message. The text is never shown to the peer that sent
 * them.
 */
export class MalformedMessageError extends Error {
  static name = 'MalformedMessageError'
  readonly name = 'MalformedMessageError'
  readonly code = 'MESSAGE_MALFORMED'
  readonly reason: MalformedReason
  /** The message that was expected. */
  readonly what: string

  constructor(what: string, reason: MalformedReason, detail: string) {
    super(`${what}: ${reason}: ${detail}`)
    this.reason = reason
    this.what = what
  }
}

const DECODE_OPTIONS = {
  strict: true, // integers and lengths in their shortest form
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false, // no message holds an integer beyond 2^53
  rejectDuplicateMapKeys: true,
}

/** The canonical bytes of a message, in memory of their own (cborg returns slices of Node's pool). */
export function encode(message: unknown): Uint8Array {
  return new Uint8Array(encodeCbor(message, rfc8949EncodeOptions))
}

/** The expected message: its name for errors, its form, and the most bytes it may have. */
interface MessageForm<T> {
  what: string
  schema: z.ZodType<T>
  /** Checked before anything is parsed. */
  maxBytes: number
}

/**
 * Decodes canonical bytes and nothing else. cborg does not check key order and float forms; these are checked by
 * encoding the result again. For a message within its cap that costs less than its signature.
 * @throws {MalformedMessageError} the bytes are not this message
 */
export function decode<T>({ what, schema, maxBytes }: MessageForm<T>, bytes: Uint8Array): T {
  if (bytes.byteLength > maxBytes) {
    throw new MalformedMessageError(what, 'too large', `${bytes.byteLength} bytes, at most ${maxBytes} are allowed`)
  }
  let parsed: unknown
  let again: Uint8Array
  try {
    parsed = decodeCbor(bytes, DECODE_OPTIONS)
    again = encode(parsed)
  } catch (error) {
    // This also catches the RangeError of nesting that is deeper than the stack.
    throw new MalformedMessageError(what, 'not CBOR', error instanceof Error ? error.message : String(error))
  }
  if (!equalBytes(bytes, again)) {
    throw new MalformedMessageError(what, 'not canonical', 'another encoding of the same value')
  }
  const result = schema.safeParse(parsed)
  if (!result.success) {
    const [issue] = result.error.issues
    const where = issue?.path.join('.') || 'message'
    throw new MalformedMessageError(what, 'not this message', `${where}: ${issue?.message ?? 'unknown'}`)
  }
  return result.data
}

/** A schema for bytes of exactly this length. */
export function fixedBytes(length: number): z.ZodType<Uint8Array> {
  return z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.byteLength === length, {
    message: `must be ${length} bytes`,
  })
}

/** A schema for bytes of at most this length. */
export function boundedBytes(max: number): z.ZodType<Uint8Array> {
  return z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.byteLength <= max, {
    message: `must be at most ${max} bytes`,
  })
}

export const hashSchema = fixedBytes(HASH_BYTES)
export const signatureSchema = fixedBytes(SIGNATURE_BYTES)

/** A schema for a whole number in [min, max]. */
export function integer(min: number, max: number): z.ZodType<number> {
  return z.number().int().min(min).max(max)
}

/** A share in parts per million. */
export const ppmSchema = integer(0, 1_000_000)

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** The order of Buffer.compare: bytewise. If one array is the beginning of the other, the shorter is first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.byteLength, b.byteLength)
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i] - b[i]
  }
  return a.byteLength - b.byteLength
}

/** Bytes as lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** The first eight digits of a hash: the short name of a federation, a certificate or a root. */
export function id8(hash: Uint8Array): string {
  return toHex(hash.subarray(0, 4))
}

/** The inverse of toHex; null for anything but an even number of lower-case hexadecimal digits. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return null
  return new Uint8Array(Buffer.from(text, 'hex'))
}
