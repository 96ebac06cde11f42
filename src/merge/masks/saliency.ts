/**
 * Saliency breaks ties between weights that equally many members prune: |m|^2 times the summed squared norm of the
 * weight's column, from left to right in float64, where m is the merged weight as stored (fp16; the base's float32 for
 * statistics). The square is exact; one rounding follows. The least salient weight becomes a zero first.
 */
import { sumOfMeanSquares } from '../sums/exact-sum.ts'
import { trimmed } from '../trim.ts'
import type { BlockContribution } from './contribution.ts'

/**
 * For each column of an input the exact sum of x over the contributions, rounded once, [cols]; where `faults` is not 0
 * only of the values that trim.ts leaves. Every member counts equally.
 */
export function summedSquares(
  contributions: readonly BlockContribution[],
  input: number,
  cols: number,
  faults: number,
): Float64Array {
  const sums = new Float64Array(cols)
  const column = new Float64Array(contributions.length)
  for (let j = 0; j < cols; j++) {
    for (let i = 0; i < column.length; i++) column[i] = contributions[i].inputs[input][j]
    sums[j] = sumOfMeanSquares(trimmed(column, faults))
  }
  return sums
}

/** |m|^2 x, where x is a column's entry of `summedSquares`: see the top of this file. */
export function saliency(value: number, summedSquare: number): number {
  return value * value * summedSquare
}
