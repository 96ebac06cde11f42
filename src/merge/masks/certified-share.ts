/**
 * The mask bits of a layer that no few liars could have changed, where statistics are merged by `trimmed` and Wanda
 * chooses the mask. The trimmed mean of a column stays within a range, whatever some `faults` members send in place of
 * their values; a bit is certain if the merged mask has it for all means in these ranges. Every rounding is monotone,
 * so the ranges hold in floating point as well. Where a row's share of zeros is a whole number the certain bits are
 * exactly those; where it is not, the mask expansion adds zeros, and a kept bit near them counts as uncertain.
 */

import { ceilShare, floorShare } from '../../base/decimal.ts'
import type { LayerForm, LayerWeights } from '../../form/block-form.ts'
import { dropKept, newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { MEAN_SQUARE_END } from '../sums/exact-sum.ts'
import { trimmed } from '../trim.ts'
import { saliency } from './saliency.ts'
import { meanOfSquares } from './trimmed.ts'

/** The largest mean square, a float32 below the end: what a liar can send at most. */
const LARGEST = MEAN_SQUARE_END * (1 - 1 / 2 ** 24)

/** The least and the greatest trimmed mean of a column. */
type AttainableMeans = readonly [least: number, greatest: number]

/** The least and the greatest trimmed mean that `faults` other values in place of any of these give, as float32. */
export function attainableMeans(values: Float64Array, faults: number): AttainableMeans {
  const sorted = values.toSorted()
  const liars = Math.min(faults, sorted.length)
  const lowest = sorted.with(0, sorted[0])
  lowest.set(sorted.subarray(0, sorted.length - liars), liars)
  lowest.fill(0, 0, liars)
  const highest = sorted.with(0, sorted[0])
  highest.set(sorted.subarray(liars))
  highest.fill(LARGEST, sorted.length - liars)
  return [lowest, highest].map((values) => Math.fround(meanOfSquares(trimmed(values, faults)))) as [number, number]
}

/**
 * A bitmap over [rows, cols]: 1 where the merged mask is the same for all statistics within these ranges.
 * @param ranges - one entry a column
 */
export function certainBits(
  base: LayerWeights,
  form: Pick<LayerForm, 'rows' | 'cols'>,
  ranges: readonly AttainableMeans[],
  target: SparsityTarget,
): Uint8Array {
  const { certain, kept } = certainChoices(base, form, ranges, target)
  const added = addedZeros(form, target)
  if (added === 0) return certain
  const ofEnd = (end: 0 | 1) => kept.map((at) => saliency(base[at], ranges[at % form.cols][end]))
  // So many of the surely kept bits have at most this saliency: whatever is above it is not needed as a zero.
  const enough = ofEnd(1).sort()[added - 1] ?? Number.POSITIVE_INFINITY
  for (const [i, least] of ofEnd(0).entries()) if (least <= enough) dropKept(certain, kept[i])
  return certain
}

/** The zeros that the mask expansion adds to Wanda's. */
function addedZeros({ rows, cols }: Pick<LayerForm, 'rows' | 'cols'>, target: SparsityTarget): number {
  return target.kind === 'pattern' ? 0 : ceilShare(rows * cols, target.ppm) - rows * floorShare(cols, target.ppm)
}

/** Where Wanda's choice is the same for all means: a bitmap, and the flat indices of those that it surely keeps. */
function certainChoices(
  base: LayerWeights,
  { rows, cols }: Pick<LayerForm, 'rows' | 'cols'>,
  ranges: readonly AttainableMeans[],
  target: SparsityTarget,
): { certain: Uint8Array; kept: Float64Array } {
  const [group, zeros] = target.kind === 'pattern' ? [target.m, target.n] : [cols, floorShare(cols, target.ppm)]
  const certain = newMask(rows * cols)
  const kept: number[] = []
  const [low, high] = [0, 1].map((end) => Float64Array.from(ranges, (range) => Math.fround(Math.sqrt(range[end]))))
  for (let at = 0; at < rows * cols; at += group) {
    const scores = (of: Float64Array) =>
      Float64Array.from({ length: group }, (_, i) => Math.abs(base[at + i]) * of[(at + i) % cols])
    const [least, greatest] = [scores(low), scores(high)]
    const lastOfGreatest = atRank(greatest, zeros - 1)
    const [lastOfLeast, nextOfLeast] = [atRank(least, zeros - 1), atRank(least, zeros)]
    for (let i = 0; i < group; i++) {
      const [own, most] = [
        { score: least[i], i },
        { score: greatest[i], i },
      ]
      // It is kept if so many others are zeros before it even at its least score, and their greatest.
      const isSurelyKept = lastOfGreatest === null || isBefore(lastOfGreatest, own)
      // Its own least score stands among the others' unless both of its scores are the same.
      const bound = isBefore(own, most) ? nextOfLeast : lastOfLeast
      const isSurelyZero = zeros > 0 && (bound === null || !isBefore(bound, most))
      if (isSurelyKept) kept.push(at + i)
      else if (!isSurelyZero) dropKept(certain, at + i)
    }
  }
  return { certain, kept: Float64Array.from(kept) }
}

/** A weight of a group, as the order knows it in which weights become zeros: lower scores, of equal ones the first. */
interface Ranked {
  score: number
  i: number
}

function isBefore(one: Ranked, other: Ranked): boolean {
  return one.score < other.score || (one.score === other.score && one.i < other.i)
}

/** The weight that becomes a zero after so many others; null if there is none. */
function atRank(scores: Float64Array, rank: number): Ranked | null {
  if (rank < 0 || rank >= scores.length) return null
  const sorted = scores.toSorted()
  const score = sorted[rank]
  let i = scores.indexOf(score)
  for (let equals = rank - sorted.indexOf(score); equals > 0; equals--) i = scores.indexOf(score, i + 1)
  return { score, i }
}
