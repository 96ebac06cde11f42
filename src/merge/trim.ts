/**
 * Trimmed sums and means: of k values the lowest and the highest are left out, as many as there may be liars, so that
 * what is left lies between values of honest members. Source: Yin et al., "Byzantine-Robust Distributed Learning:
 * Towards Optimal Statistical Rates", 2018, algorithm 1, option II, with a count in place of a share.
 */

/** How many values are left out at each end: min(faults, floor((k - 1) / 2)), so one value at least is left. */
export function trimmedAtEachEnd(count: number, faults: number): number {
  return Math.min(faults, Math.floor((count - 1) / 2))
}

/**
 * The sum of the values that are left, from the lowest to the highest in float64: their order does not matter.
 * @param values - at least one; sorted by this call
 * @param faults - 0: all values are left
 */
export function trimmedSum(values: Float64Array, faults: number): number {
  values.sort()
  const out = trimmedAtEachEnd(values.length, faults)
  let sum = 0
  for (let i = out; i < values.length - out; i++) sum += values[i]
  return sum
}

/** The mean of the values that are left: their sum, divided by their number. */
export function trimmedMean(values: Float64Array, faults: number): number {
  return trimmedSum(values, faults) / (values.length - 2 * trimmedAtEachEnd(values.length, faults))
}
