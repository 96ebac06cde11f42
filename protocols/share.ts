/**
 * How many of `blocks` blocks a member of this capacity prunes a round: clamp(floor(c B + 1/2), 1, B), in integers.
 * @param capacity - in ppm
 */
export function blocksPerRound(blocks: number, capacity: number): number {
  const rounded = Math.floor((2 * capacity * blocks + 1_000_000) / 2_000_000) // exact: below 2^53
  return Math.min(Math.max(rounded, 1), blocks)
}
