/**
 * The streams that hide a member's vector: whole numbers that nobody can tell from drawn ones, and that follow from a
 * key and a slot. Masking adds them, opening subtracts those that the sum of a list still holds.
 */
import { createCipheriv } from 'node:crypto'
import { CHUNK_BYTES, type Wholes } from './wholes.ts'

/** A stream, and whether masking adds it (1) or subtracts it (-1). */
export interface StreamKey {
  /** 32 bytes, for all slots of one opening. */
  key: Uint8Array
  sign: 1 | -1
}

/** The key stream of AES-256 in counter mode is the encryption of zeros. */
const ZEROS = new Uint8Array(CHUNK_BYTES)

/**
 * Adds the streams of a slot to a vector, or takes them away again.
 * @param vector - its bytes one behind the other take the bytes of a stream
 * @param way - 1: as masking does; -1: the inverse
 */
export function addStreams(vector: readonly Wholes[], slot: number, streams: readonly StreamKey[], way: 1 | -1): void {
  const open = streams.map(({ key, sign }) => ({
    cipher: createCipheriv('aes-256-ctr', key, firstCounter(slot)),
    toward: sign === way ? (1 as const) : (-1 as const),
  }))
  for (const part of vector) {
    for (let from = 0; from < part.byteLength; from += CHUNK_BYTES) {
      const zeros = ZEROS.subarray(0, part.byteLength - from)
      for (const { cipher, toward } of open) part.add(from, cipher.update(zeros), toward)
    }
  }
}

/** 16 bytes: the slot, 32 bits, big-endian, and zeros. So each slot has a stream of its own of up to 2^96 blocks. */
function firstCounter(slot: number): Uint8Array {
  const counter = Buffer.alloc(16)
  counter.writeUInt32BE(slot)
  return counter
}
