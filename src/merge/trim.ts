/**
 * Trimmed values: of k values the lowest and the highest are left out, as many as there may be liars, so that what is
 * left lies between values of honest members. Source: Yin et al., "Byzantine-Robust Distributed Learning: Towards
 * Optimal Statistical Rates", 2018, algorithm 1, option II, with a count in place of a share.
 */

/** How many values are left out at each end: min(faults, floor((k - 1) / 2)), so one value at least is left. */
function trimmedAtEachEnd(count: number, faults: number): number {
  return Math.min(faults, Math.floor((count - 1) / 2))
}

/**
 * The values that are left, ascending.
 * @param values - at least one; sorted by this call
 * @param faults - 0: all values are left
 */
export function trimmed(values: Float64Array, faults: number): Float64Array {
  values.sort()
  const out = trimmedAtEachEnd(values.length, faults)
  return values.subarray(out, values.length - out)
}
