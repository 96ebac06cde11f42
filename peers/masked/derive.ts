/** Keys from shared secrets: HKDF-SHA256 (RFC 5869) without salt, and the fields that tell one key from another. */
import { hkdfSync } from 'node:crypto'

/** The keys of AES-256 and of streams. */
const DERIVED_BYTES = 32

/** @param info - the purpose, and all that makes the key unlike others: its fields have fixed lengths */
export function derivedKey(secret: Uint8Array, purpose: string, ...info: Uint8Array[]): Uint8Array {
  const fields = Buffer.concat([Buffer.from(purpose), ...info])
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), fields, DERIVED_BYTES))
}

/** Numbers below 2^32 as four bytes each, most significant first. */
export function u32be(...values: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i)
  return bytes
}
