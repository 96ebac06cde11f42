/** floor(count * ppm / 10^6), exactly, for count up to 2^40. */
export function floorShare(count: number, ppm: number): number {
  return Number((BigInt(count) * BigInt(ppm)) / 1_000_000n)
}
