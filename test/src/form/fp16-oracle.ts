/**
 * fp16 by the book, slow and in whole numbers: values are multiples of 2^-24, so each finite one is a BigInt of those.
 */

/** All finite values that are not negative, in units of 2^-24, by their bits. */
export const UNITS: readonly bigint[] = Array.from({ length: 0x7c00 }, (_, bits) => {
  const exponent = bits >> 10
  const fraction = bits & 0x3ff
  return exponent === 0 ? BigInt(fraction) : BigInt(0x400 + fraction) << BigInt(exponent - 1)
})

/** The number that the bits stand for, in units of 2^-24. */
export function unitsOf(bits: number): bigint {
  return (bits & 0x8000) === 0 ? UNITS[bits] : -UNITS[bits & 0x7fff]
}

/** The bits nearest to num / den units, ties to even, zero without sign; null beyond the range. */
export function nearestBits(num: bigint, den: bigint): number | null {
  const size = num < 0n ? -num : num
  let low = 0
  let high = UNITS.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (UNITS[middle] * den <= size) low = middle
    else high = middle - 1
  }
  const above = low + 1 < UNITS.length ? UNITS[low + 1] : 1n << 40n // 65536: where infinity begins, were it a number
  const twice = 2n * size - (UNITS[low] + above) * den
  const bits = twice > 0n || (twice === 0n && low % 2 === 1) ? low + 1 : low
  if (bits === UNITS.length) return null
  return num < 0n && bits !== 0 ? bits | 0x8000 : bits
}

/** A double as a fraction of units of 2^-24. */
export function fractionOf(value: number): [num: bigint, den: bigint] {
  let num = value * 2 ** 24
  let den = 1n
  while (!Number.isInteger(num)) {
    num *= 2
    den *= 2n
  }
  return [BigInt(num), den]
}
