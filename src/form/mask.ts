/**
 * A mask as a bitmap: flat row-major [out, in] index i is bit i & 7 of byte i >> 3, least significant first,
 * 1 = kept. Padding bits are 0. Indices are below 2^31: a layer of 2^31 weights would be 8 GiB.
 */

/** Bytes of a mask over `size` weights. */
export function maskBytes(size: number): number {
  return Math.ceil(size / 8)
}

/** A mask that keeps all of `size` weights. */
export function newMask(size: number): Uint8Array {
  const mask = new Uint8Array(maskBytes(size)).fill(0xff)
  if (size % 8 !== 0) mask[mask.length - 1] = (1 << (size % 8)) - 1
  return mask
}

export function isKept(mask: Uint8Array, index: number): boolean {
  return ((mask[index >> 3] >> (index & 7)) & 1) === 1
}

/** Marks the weight at `index` as a zero. */
export function dropKept(mask: Uint8Array, index: number): void {
  mask[index >> 3] &= ~(1 << (index & 7))
}

/** Zeros among the `size` weights of a mask whose padding bits are 0. */
export function countZeros(mask: Uint8Array, size: number): number {
  return size - countKept(mask)
}

/** Ones of a mask whose padding bits are 0. */
export function countKept(mask: Uint8Array): number {
  let kept = 0
  for (const byte of mask) kept += BITS[byte]
  return kept
}

/** Zeros among the weights [from, to). */
export function countZerosIn(mask: Uint8Array, from: number, to: number): number {
  let kept = 0
  let i = from
  for (; i < to && (i & 7) !== 0; i++) kept += (mask[i >> 3] >> (i & 7)) & 1
  for (; i + 8 <= to; i += 8) kept += BITS[mask[i >> 3]]
  for (; i < to; i++) kept += (mask[i >> 3] >> (i & 7)) & 1
  return to - from - kept
}

/** Weights that one of two masks of equal length keeps and the other does not. */
export function countMoved(a: Uint8Array, b: Uint8Array): number {
  let moved = 0
  for (let i = 0; i < a.length; i++) moved += BITS[a[i] ^ b[i]]
  return moved
}

/** Whether the padding bits behind `size` weights are 0. */
export function isPaddedWithZeros(mask: Uint8Array, size: number): boolean {
  return size % 8 === 0 || mask[mask.length - 1] >> (size % 8) === 0
}

/** Number of ones by byte. */
const BITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1
  return bits
})
