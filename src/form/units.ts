/** How many units of a structure are removed, and which: the lowest scores, of equal ones the first. */

/**
 * How many places of an axis a ratio removes, as LLM-Pruner counts: width - trunc(width (1 - ratio)), in doubles as
 * there; none where that would leave nothing.
 */
export function placesToRemove(width: number, ratio: number): number {
  const count = width - Math.trunc(width * (1 - ratio))
  return count >= width ? 0 : count
}

/** How many units of so many places each: whole ones only, so a small ratio may remove none. */
export function unitsToRemove(units: number, placesEach: number, ratio: number): number {
  return Math.floor(placesToRemove(units * placesEach, ratio) / placesEach)
}

/** Of each of so many groups of units that lie one after the other the `count` with the lowest scores, ascending. */
export function lowestOfGroups(scores: Float64Array, groups: number, count: number): number[] {
  const size = scores.length / groups
  return Array.from({ length: groups }, (_, group) => group * size).flatMap((from) =>
    lowestUnits(scores.subarray(from, from + size), count).map((unit) => from + unit),
  )
}

/** The units with the lowest scores, of equal ones the first, ascending. */
export function lowestUnits(scores: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: scores.length }, (_, unit) => unit)
    .sort((a, b) => scores[a] - scores[b] || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)
}
