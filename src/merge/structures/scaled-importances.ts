/**
 * Importances as whole numbers that sum to one total for everybody, a structure at a time: nobody's opinion weighs more
 * than another's, however large its numbers are. Shares are rounded down; what is missing goes to the largest
 * remainders first, of equal ones to the first unit (Hamilton's method).
 */

/** The total of a structure's importances: float64 holds all shares of it exactly. */
export const TOTAL = 2 ** 48

/** Float32 values times this are whole numbers, below 2^277. */
const WHOLE = 2 ** 149

/**
 * @param values - one a unit, at least one; finite and not negative. Where all are 0 the units share the total alike.
 */
export function scaledImportances(values: Float32Array): Float64Array {
  const isNothing = values.every((value) => value === 0)
  const whole = Array.from(values, (value) => (isNothing ? 1n : BigInt(value * WHOLE)))
  const sum = whole.reduce((all, value) => all + value, 0n)
  const shares = whole.map((value) => ({ share: (value * BigInt(TOTAL)) / sum, rest: (value * BigInt(TOTAL)) % sum }))
  const scaled = Float64Array.from(shares, ({ share }) => Number(share))
  const missing = TOTAL - scaled.reduce((all, value) => all + value, 0)
  const first = [...shares.keys()].sort((a, b) => compare(shares[b].rest, shares[a].rest) || a - b)
  for (const unit of first.slice(0, missing)) scaled[unit]++
  return scaled
}

/** The fault of numbers that claim to be scaled importances; null if they are. */
export function importancesFault(values: Float64Array): string | null {
  const bad = values.findIndex(
    (value) => !Number.isInteger(value) || value < 0 || value > TOTAL || Object.is(value, -0),
  )
  if (bad >= 0) return `the importance of unit ${bad} is ${values[bad]}, no whole number from 0 to ${TOTAL}`
  // Partial sums that reach beyond the total never come back to it: all numbers below 2^53 are exact.
  let sum = 0
  for (const value of values) {
    sum += value
    if (sum > TOTAL) break
  }
  return sum === TOTAL ? null : `the importances do not sum to ${TOTAL}`
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b)
}
