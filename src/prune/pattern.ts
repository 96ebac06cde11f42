/** n:m sparsity: in every m consecutive columns of a row, the n lowest scores become zeros. */
import { dropKept } from '../merge/mask.ts'

/**
 * Clears the mask bits `offset + i` of the `n` lowest of scores[start, start + m), i from 0, the earlier among equals.
 * Counts ranks, m^2 comparisons: groups are of 4 or 8 in practice.
 */
export function dropLowestOfGroup(
  mask: Uint8Array,
  offset: number,
  scores: Float64Array,
  start: number,
  n: number,
  m: number,
): void {
  for (let i = 0; i < m; i++) {
    const score = scores[start + i]
    let lower = 0
    for (let j = 0; j < i; j++) if (scores[start + j] <= score) lower++
    for (let j = i + 1; j < m; j++) if (scores[start + j] < score) lower++
    if (lower < n) dropKept(mask, offset + i)
  }
}
