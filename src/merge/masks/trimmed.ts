/**
 * The merge rule `trimmed`, which a few liars cannot steer. Statistics become one: the trimmed mean of each column, by
 * which the pruner chooses one mask. Of weights each value is the trimmed mean over those who keep it; votes are
 * counted as they are. Both are pure functions of the set of contributions.
 */
import type { BlockForm } from '../../form/block-form.ts'
import { float16Of, fp16Bits } from '../../form/fp16.ts'
import { sumOfMeanSquares } from '../sums/exact-sum.ts'
import { trimmed } from '../trim.ts'
import type { BlockContribution } from './contribution.ts'
import type { SparseLayer } from './sparse-layer.ts'

/** One array a layer input, [cols]: the trimmed mean of each column, as float32. */
export function trimmedStatistics(
  { inputs }: BlockForm,
  contributions: readonly BlockContribution[],
  faults: number,
): Float32Array[] {
  const column = new Float64Array(contributions.length)
  return inputs.map((cols, input) =>
    Float32Array.from({ length: cols }, (_, j) => {
      for (let i = 0; i < column.length; i++) column[i] = contributions[i].inputs[input][j]
      return meanOfSquares(trimmed(column, faults))
    }),
  )
}

/** The mean of mean squares: their exact sum, rounded once and divided by their number. */
export function meanOfSquares(values: Float64Array): number {
  return sumOfMeanSquares(values) / values.length
}

/**
 * Trimmed means over those who keep a weight, as fp16 bits, never -0; 0 where nobody keeps it. Sums of fp16 are exact,
 * and the mean is rounded once, as in l0.ts.
 * @param layers - one entry a contribution
 * @param size - number of weights
 */
export function trimmedWeights(layers: readonly SparseLayer[], size: number, faults: number): Uint16Array {
  const values = layers.map(({ survivors }) => Float32Array.from(float16Of(survivors)))
  const next = new Uint32Array(layers.length)
  const column = new Float64Array(layers.length)
  const means = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    let keepers = 0
    for (let k = 0; k < layers.length; k++) {
      if (((layers[k].mask[i >> 3] >> (i & 7)) & 1) === 1) column[keepers++] = values[k][next[k]++]
    }
    if (keepers > 0) means[i] = meanOfExact(trimmed(column.subarray(0, keepers), faults))
  }
  return fp16Bits(means)
}

/** The mean of fp16 values, whose float64 sums are exact. */
function meanOfExact(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
