/**
 * Wanda: in every output row, the weights whose |W_ij| * ||X_j|| is smallest become zeros. No weight changes, so the
 * statistics of the inputs alone determine the result. Source: Sun, Liu, Bair, Kolter, "A Simple and Effective
 * Pruning Approach for Large Language Models", ICLR 2024, section 3.
 *
 * The norm is rounded to float32, so that a score is a product of two float32 numbers: exact in a float64 (48 of 53
 * bits), and the mask the same on every machine. The mean over tokens in place of the paper's sum changes no order.
 */
import { floorShare } from '../../base/decimal.ts'
import { InputError } from '../../base/errors.ts'
import { newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { LowestSelector } from './lowest.ts'
import { dropMarked } from './marks.ts'
import { markLowestOfGroup } from './pattern.ts'
import { assertFinite, assertLength, assertTarget } from './target.ts'

/**
 * The mask of `weight`, row-major [rows, cols], as a bitmap (1 = kept). It has exactly floor(cols * s) zeros in every
 * row, or n of every m consecutive columns; the lowest (score, column) become zeros first.
 * @param meanSquares - [cols], for each input feature the mean of its squares over all calibration tokens
 * @throws {InputError} NOT_FINITE: a weight or a mean is NaN or infinite
 * @throws {InputError} NEGATIVE_SQUARE: a mean is negative
 * @throws {InputError} PATTERN_COLUMNS: the pattern does not divide the columns
 */
export function wandaMask(
  weight: Float32Array,
  rows: number,
  cols: number,
  meanSquares: Float32Array,
  target: SparsityTarget,
): Uint8Array {
  assertTarget(rows, cols, target)
  assertLength('weight', weight, rows * cols)
  assertFinite('weight', weight, rows, cols)
  const norms = inputNorms(meanSquares, rows, cols)
  const zeros = target.kind === 'unstructured' ? floorShare(cols, target.ppm) : 0
  const mask = newMask(rows * cols)
  const selector = new LowestSelector(cols)
  const { scores, marks } = selector
  for (let row = 0; row < rows; row++) {
    const start = row * cols
    for (let j = 0; j < cols; j++) scores[j] = Math.abs(weight[start + j]) * norms[j]
    if (target.kind === 'unstructured') selector.mark(cols, zeros)
    else for (let j = 0; j < cols; j += target.m) markLowestOfGroup(scores, marks, j, target.n, target.m)
    dropMarked(mask, start, marks, 0, cols)
  }
  return mask
}

/** norm = fround(sqrt(mean of squares)), [cols]. */
function inputNorms(meanSquares: Float32Array, rows: number, cols: number): Float32Array {
  assertLength('meanSquares', meanSquares, cols)
  assertFinite('mean square', meanSquares, rows, cols)
  const negative = meanSquares.findIndex((mean) => mean < 0)
  if (negative >= 0) {
    throw new InputError({
      code: 'NEGATIVE_SQUARE',
      what: `layer of ${rows} x ${cols}: mean square ${negative} is ${meanSquares[negative]}`,
      hint: 'Statistics of this layer input are damaged; compute them again.',
    })
  }
  return meanSquares.map((mean) => Math.sqrt(mean))
}
