/** n:m sparsity: in every m consecutive columns of a row, the n lowest scores become zeros. */

/**
 * Sets marks[at, at + m) to 1 for the n lowest of scores[at, at + m), the earlier among equals, and to 0 for the
 * others. It counts ranks, m^2 comparisons without branches: groups are of 4 or 8 in practice.
 */
export function markLowestOfGroup(scores: Float64Array, marks: Uint8Array, at: number, n: number, m: number): void {
  for (let i = at; i < at + m; i++) {
    const score = scores[i]
    let lower = 0
    for (let j = at; j < i; j++) lower += Number(scores[j] <= score)
    for (let j = i + 1; j < at + m; j++) lower += Number(scores[j] < score)
    marks[i] = Number(lower < n)
  }
}
