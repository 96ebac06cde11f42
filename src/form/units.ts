/** How many units of a structure are removed, and which: the lowest scores, of equal ones the first. */

import { ceilShare } from '../base/decimal.ts'

/**
 * How many places of an axis a share removes: ceil(width ppm / 10^6), exactly; none where that would leave nothing.
 * LLM-Pruner counts width - trunc(width (1 - ratio)), the same number, but in doubles, where 10 (1 - 0.9) is less
 * than 1.
 */
export function placesToRemove(width: number, ppm: number): number {
  const count = ceilShare(width, ppm)
  return count >= width ? 0 : count
}

/** How many units of so many places each: whole ones only, so a small share may remove none. */
export function unitsToRemove(units: number, placesEach: number, ppm: number): number {
  return Math.floor(placesToRemove(units * placesEach, ppm) / placesEach)
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
