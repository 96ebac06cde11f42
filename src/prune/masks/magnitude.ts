/**
 * Magnitude pruning: the smallest |W_ij| of the whole layer become zeros. It needs no text and changes no kept weight.
 * Source: Han, Pool, Tran, Dally, "Learning both Weights and Connections for Efficient Neural Networks", 2015, with one
 * threshold a layer, as the SparseGPT paper compares against it.
 */
import { floorShare } from '../../base/decimal.ts'
import { newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { LowestSelector } from './lowest.ts'
import { dropMarked } from './marks.ts'
import { markLowestOfGroup } from './pattern.ts'
import { assertFinite, assertLength, assertTarget } from './target.ts'

/**
 * The mask of `weight`, row-major [rows, cols], as a bitmap (1 = kept). It has exactly floor(rows * cols * s) zeros, or
 * n of every m consecutive columns of a row; the lowest (|w|, index) become zeros first.
 * @throws {InputError} NOT_FINITE: a weight is NaN or infinite
 * @throws {InputError} PATTERN_COLUMNS: the pattern does not divide the columns
 */
export function magnitudeMask(weight: Float32Array, rows: number, cols: number, target: SparsityTarget): Uint8Array {
  assertTarget(rows, cols, target)
  assertLength('weight', weight, rows * cols)
  assertFinite('weight', weight, rows, cols)
  const size = rows * cols
  const mask = newMask(size)
  const length = target.kind === 'pattern' ? cols : size
  const selector = new LowestSelector(length)
  const { scores, marks } = selector
  for (let start = 0; start < size; start += length) {
    for (let i = 0; i < length; i++) scores[i] = Math.abs(weight[start + i])
    if (target.kind === 'unstructured') selector.mark(size, floorShare(size, target.ppm))
    else for (let j = 0; j < cols; j += target.m) markLowestOfGroup(scores, marks, j, target.n, target.m)
    dropMarked(mask, start, marks, 0, length)
  }
  return mask
}
