/**
 * The mask bits of a layer that no few liars could have changed, where statistics are merged by `trimmed` and Wanda
 * chooses the mask. The trimmed mean of a column stays within a range, whatever some `faults` members send in place of
 * their values; a bit is certain if Wanda chooses it for all means in these ranges. Every rounding is monotone, so the
 * ranges hold in floating point as well. Zeros that the expansion adds, where a row's share of zeros is no whole
 * number, are not looked at.
 */

import { floorShare } from '../../base/decimal.ts'
import type { LayerForm, LayerWeights } from '../../form/block-form.ts'
import { dropKept, newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { trimmedMean } from '../trim.ts'

/** The largest finite float32: what a liar can send at most. */
const LARGEST = (2 - 1 / 2 ** 23) * 2 ** 127

/** The least and the greatest trimmed mean that `faults` other values in place of any of these give, as float32. */
export function attainableMeans(values: Float64Array, faults: number): [least: number, greatest: number] {
  const sorted = values.toSorted()
  const liars = Math.min(faults, sorted.length)
  const lowest = sorted.with(0, sorted[0])
  lowest.set(sorted.subarray(0, sorted.length - liars), liars)
  lowest.fill(0, 0, liars)
  const highest = sorted.with(0, sorted[0])
  highest.set(sorted.subarray(liars))
  highest.fill(LARGEST, sorted.length - liars)
  return [trimmedMean(lowest, faults), trimmedMean(highest, faults)].map(Math.fround) as [number, number]
}

/**
 * A bitmap over [rows, cols]: 1 where Wanda's choice is the same for all statistics within these ranges.
 * @param ranges - one entry a column
 */
export function certainBits(
  base: LayerWeights,
  { rows, cols }: Pick<LayerForm, 'rows' | 'cols'>,
  ranges: readonly (readonly [least: number, greatest: number])[],
  target: SparsityTarget,
): Uint8Array {
  const [group, zeros] = target.kind === 'pattern' ? [target.m, target.n] : [cols, floorShare(cols, target.ppm)]
  const certain = newMask(rows * cols)
  const [low, high] = [0, 1].map((end) => Float64Array.from(ranges, (range) => Math.fround(Math.sqrt(range[end]))))
  for (let at = 0; at < rows * cols; at += group) {
    const scores = (of: Float64Array) =>
      Float64Array.from({ length: group }, (_, i) => Math.abs(base[at + i]) * of[(at + i) % cols])
    const [least, greatest] = [scores(low), scores(high)]
    for (let i = 0; i < group; i++) {
      const isSurelyKept = countBefore(greatest, least[i], i) >= zeros
      const isSurelyZero = countBefore(least, greatest[i], i) < zeros
      if (!isSurelyKept && !isSurelyZero) dropKept(certain, at + i)
    }
  }
  return certain
}

/** How many others become zeros before a weight of this score at place i: lower scores, of equal ones the first. */
function countBefore(others: Float64Array, score: number, i: number): number {
  let before = 0
  for (let j = 0; j < others.length; j++) if (j !== i && (others[j] < score || (others[j] === score && j < i))) before++
  return before
}
