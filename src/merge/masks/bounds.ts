/**
 * How far a layer of an honest member may lie from the base. Compensation moves the error of the zeros into the
 * survivors: the more zeros, the farther they move. A liar who keeps to these bounds can still do harm, but cannot
 * turn a layer round: the mean of one such layer and some honest ones points where the base does.
 *
 * `npm run bench -- bounds` measures the constants; docs/explanation/liars.md has its figures.
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
 * One entry a largest share of zeros, ascending. Measured at 50 (and 2:4), 60, 70, 80 and 90 %, from 2 windows of 128
 * tokens on: the least cosine is 0.92 (0.88), 0.86, 0.77, 0.69 and 0.59, the largest norm 1.09 (1.18), 1.16, 1.25, 1.35
 * and 1.35. The bounds allow half as much again as the farthest honest layer strays from 1.
 */
const BY_SHARE: readonly { ppm: number; bounds: WeightBounds }[] = [
  { ppm: 600_000, bounds: { cosine: 0.8, norm: 1.25 } },
  { ppm: 700_000, bounds: { cosine: 0.65, norm: 1.4 } },
  { ppm: 800_000, bounds: { cosine: 0.55, norm: 1.5 } },
  { ppm: PPM, bounds: { cosine: 0.4, norm: 1.5 } },
]

/**
 * The largest |w'| of a contributed layer, divided by the largest |w| of the base. Compensation piles up on few
 * weights. Measured in the same way: at most 3.5 at 80 %; at 90 % it reaches 6.6 with 2 windows, so a few honest
 * layers of such a plan are refused.
 */
export const MAX_PEAK_RATIO = 4

/**
 * The least norm of a contributed layer, divided by that of the base's kept weights. Compensation makes survivors
 * longer; a liar who shrinks them weakens the layer by a share of the mean. Measured in the same way: at least 0.966.
 */
const LEAST_RATIO = 0.9

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
  if (squares < LEAST_RATIO * LEAST_RATIO * keptSquares) {
    const [own, kept] = [Math.sqrt(squares), Math.sqrt(keptSquares)]
    const message = `the norm is ${own}, less than ${LEAST_RATIO} times that of the base's kept weights, ${kept}`
    throw new InvalidContributionError('NORM', message, role)
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

/** Float64 sums of up to 2^31 terms are this close to the exact ones, relative to the sum of magnitudes. */
const ROUNDING = 1e-6

/**
 * The reason for which the sums of a layer over `voters` members cannot be those of layers within the bounds above;
 * null: they can be. Let b be the base's layer, w_i a member's and m_i its mask, k_j the number of members who keep
 * weight j, and S_j the sum of their values. As each |w_ij| is at most 4 max |b|, |S_j| is at most k_j 4 max |b|. As
 * each norm of w_i is at most x that of b, the norm of S is at most n x that of b. And as <b, w_i> is at least c |w_i|
 * |m_i b|, and |w_i| at least 0.9 |m_i b|, <b, S> is at least 0.9 c times the sum of k_j b_j^2.
 * @param base - row-major [rows, cols]
 * @param votes - the number of members who prune each weight
 */
export function sumsFault(
  base: LayerWeights,
  { votes, sums }: { votes: Uint16Array; sums: Float64Array },
  voters: number,
  target: SparsityTarget,
): string | null {
  let [dot, squares, baseSquares, keptSquares, basePeak, peak] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < base.length; i++) {
    const [own, sum, keepers] = [base[i], sums[i], voters - votes[i]]
    dot += own * sum
    squares += sum * sum
    baseSquares += own * own
    keptSquares += keepers * own * own
    basePeak = Math.max(basePeak, Math.abs(own))
    peak = Math.max(peak, Math.abs(sum) / Math.max(keepers, 1))
  }
  const { cosine, norm } = weightBounds(target)
  if (peak > MAX_PEAK_RATIO * basePeak)
    return `the largest mean is ${peak}, more than ${MAX_PEAK_RATIO} times the base's largest weight ${basePeak}`
  const most = voters * norm * Math.sqrt(baseSquares)
  if (Math.sqrt(squares) > most * (1 + ROUNDING))
    return `the norm of the sum is ${Math.sqrt(squares)}, and ${voters} sites can have ${most}`
  const least = LEAST_RATIO * cosine * keptSquares
  if (dot >= least - ROUNDING * keptSquares) return null
  return `the product with the base is ${dot}, and ${voters} sites have at least ${least}`
}
