/** Whether one of two models is faster, of runs in turns; on a machine that does other work as well. */
import { median, quantile } from '../../src/base/quantile.ts'

/**
 * Of all turns so many may point the other way. In eleven turns of two equally fast models chance alone lets at least
 * ten agree in 2 * (1 + 11) / 2^11 = 1.2 % of all comparisons (the sign test); one turn that something else got in the
 * way of hides no difference.
 */
const MAX_DISSENTING = 1
/**
 * As a share of the time. Two sessions of one model can differ that much for good, by where their memory happens to
 * lie.
 */
const LEAST_CHANGE = 0.02

/** Shares are of the time before: -0.15 is 15 % less. */
export interface TimeChange {
  /** Seconds: the medians over all turns. */
  seconds: { before: number; after: number }
  /** The median of after / before - 1 in a turn. */
  change: number
  /** How far the middle half of these lie apart (their interquartile range). */
  spread: number
  /**
   * Whether it is more than noise: at most one turn points the other way, and the change is larger than the spread and
   * than 2 %.
   */
  isBeyondNoise: boolean
}

/**
 * @param before - seconds, one a turn
 * @param after - of the same turns
 * @throws {RangeError} no turns, or not as many of each
 */
export function timeChange(before: readonly number[], after: readonly number[]): TimeChange {
  if (before.length !== after.length) throw new RangeError(`${before.length} and ${after.length} times are no turns`)
  const changes = before.map((seconds, turn) => after[turn] / seconds - 1)
  const change = median(changes)
  const spread = quantile(changes, 0.75) - quantile(changes, 0.25)
  const agreeing = changes.filter((own) => own * change > 0).length
  return {
    seconds: { before: median(before), after: median(after) },
    change,
    spread,
    isBeyondNoise: agreeing >= changes.length - MAX_DISSENTING && Math.abs(change) > Math.max(spread, LEAST_CHANGE),
  }
}
