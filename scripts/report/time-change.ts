/** Decides whether one of two models is faster, from runs in turns, on a machine that does other work as well. */
import { median, quantile } from '../../src/base/quantile.ts'

/**
 * The most turns that may point the other way. In eleven turns of two equally fast models chance alone lets at least
 * ten agree in 2 * (1 + 11) / 2^11 = 1.2 % of all comparisons (the sign test). One turn that other work disturbed hides
 * no difference.
 */
const MAX_DISSENTING = 1
/**
 * The smallest change that counts, as a share of the time. Two sessions of one model can differ that much permanently,
 * depending on where their memory happens to lie.
 */
const LEAST_CHANGE = 0.02

/** The change of a run's time. Shares are of the time before: -0.15 is 15 % less. */
export interface TimeChange {
  /** Seconds of a run: the medians over all turns. */
  seconds: { before: number; after: number }
  /** The median of after / before - 1 in a turn. */
  change: number
  /** The interquartile range of after / before - 1: the width of its middle half. */
  spread: number
  /**
   * Whether the change is more than noise: at most one turn points the other way, and the change is larger than the
   * spread and than 2 %.
   */
  isBeyondNoise: boolean
}

/**
 * @param before - seconds, one entry a turn
 * @param after - seconds of the same turns
 * @throws {RangeError} no turns, or another number of them before and after
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
