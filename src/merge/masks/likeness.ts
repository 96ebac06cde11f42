/**
 * How far a layer that a member sends lies from the base: its direction, its length and its largest weight. Sums are
 * float64, added from left to right over the kept weights, so every machine gets the same bits: a product of an fp16
 * and a float32, or of two float32, is exact in float64.
 */
import type { LayerWeights } from '../../form/block-form.ts'
import { float16Of } from '../../form/fp16.ts'
import type { SparseLayer } from './sparse-layer.ts'

export interface Likeness {
  /** The sum of w w' over the kept weights: w the base's, w' the member's. */
  dot: number
  /** The sum of w'^2. */
  squares: number
  /** The sum of w^2 over the kept weights. */
  keptSquares: number
  /** The sum of w^2 over all weights. */
  baseSquares: number
  /** The largest |w'|. */
  peak: number
  /** The largest |w| of all weights. */
  basePeak: number
}

/** Compares a layer with the base's, row-major [rows, cols]. */
export function likenessOf(base: LayerWeights, { mask, survivors }: SparseLayer): Likeness {
  const values = Float32Array.from(float16Of(survivors))
  const sums: Likeness = { dot: 0, squares: 0, keptSquares: 0, baseSquares: 0, peak: 0, basePeak: 0 }
  let next = 0
  for (let i = 0; i < base.length; i++) {
    const own = base[i]
    sums.baseSquares += own * own
    sums.basePeak = Math.max(sums.basePeak, Math.abs(own))
    if (((mask[i >> 3] >> (i & 7)) & 1) === 0) continue
    const value = values[next++]
    sums.dot += own * value
    sums.squares += value * value
    sums.keptSquares += own * own
    sums.peak = Math.max(sums.peak, Math.abs(value))
  }
  return sums
}
