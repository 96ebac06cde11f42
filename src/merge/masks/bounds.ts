/**
 * How far a layer of an honest member may lie from the base. Compensation moves the error of the zeros into the
 * survivors: the more zeros, the farther they move. A liar who keeps to these bounds can still do harm, but cannot
 * turn a layer round: the mean of one such layer and some honest ones points where the base does.
 *
 * `npm run bench -- bounds` measures all constants, with docs/liars.md for its figures.
 */
import { PPM } from '../../base/decimal.ts'
import type { LayerWeights } from '../../form/block-form.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { InvalidContributionError } from '../errors.ts'
import { likenessOf } from './likeness.ts'
import type { SparseLayer } from './sparse-layer.ts'

interface WeightBounds {
  /** The least cosine between a layer and the base over the kept weights. */
  cosine: number
  /** The largest norm of a layer, divided by that of the base's whole layer. */
  norm: number
}

/**
 * By the largest share of zeros, ascending. Honest sites, of two windows and more, have at least the cosine and at most
 * the norm behind each row; the bounds leave the margin between.
 */
const BY_SHARE: readonly { ppm: number; bounds: WeightBounds }[] = [
  { ppm: 500_000, bounds: { cosine: 0.85, norm: 1.2 } },
  { ppm: 600_000, bounds: { cosine: 0.8, norm: 1.2 } },
  { ppm: 700_000, bounds: { cosine: 0.7, norm: 1.3 } },
  { ppm: 800_000, bounds: { cosine: 0.6, norm: 1.4 } },
  { ppm: PPM, bounds: { cosine: 0.4, norm: 2 } },
]

/**
 * The largest |w'| of a contributed layer, divided by the largest |w| of the base. Compensation piles up on few
 * weights. Measured on the embedded model at 80 % with 1 to 32 windows of 512 tokens: at most 3.4; at 90 % it reaches
 * 4.2, so a few honest layers of such a plan are refused.
 */
export const MAX_PEAK_RATIO = 4

/** The bounds that follow from the plan's share of zeros. */
export function weightBounds(target: SparsityTarget): WeightBounds {
  const [zeros, of] = target.kind === 'pattern' ? [target.n, target.m] : [target.ppm, PPM]
  const row = BY_SHARE.find(({ ppm }) => zeros * PPM <= ppm * of)
  if (row === undefined) throw new RangeError(`${zeros} zeros of ${of}`)
  return row.bounds
}

/**
 * Checks a layer of weights against the bounds. All comparisons are of float64 sums from left to right and of their
 * products: the same verdict on every machine.
 * @param base - row-major [rows, cols]
 * @throws {InvalidContributionError} PEAK, NORM or COSINE
 */
export function assertBounds(role: number, base: LayerWeights, layer: SparseLayer, target: SparsityTarget): void {
  const { dot, squares, keptSquares, baseSquares, peak, basePeak } = likenessOf(base, layer)
  const { cosine, norm } = weightBounds(target)
  if (peak > MAX_PEAK_RATIO * basePeak) {
    const message = `the largest weight is ${peak}, more than ${MAX_PEAK_RATIO} times the base's ${basePeak}`
    throw new InvalidContributionError('PEAK', message, role)
  }
  if (squares > norm * norm * baseSquares) {
    const message = `the norm is ${Math.sqrt(squares)}, more than ${norm} times the base's ${Math.sqrt(baseSquares)}`
    throw new InvalidContributionError('NORM', message, role)
  }
  if (keptSquares === 0) return // The base gives no direction.
  if (dot > 0 && dot * dot >= cosine * cosine * squares * keptSquares) return
  const own = squares === 0 ? 0 : dot / Math.sqrt(squares * keptSquares)
  const message = `the cosine with the base over the kept weights is ${own}, the plan asks for ${cosine}`
  throw new InvalidContributionError('COSINE', message, role)
}
