/**
 * Chooses the units of a structure to remove: how many, and which. The lowest scores go first; ties go to the first
 * unit.
 */

import { ceilShare } from '../base/decimal.ts'

/**
 * The number of places of an axis that a share removes: ceil(width ppm / 10^6), exactly; 0 if nothing would be left.
 * LLM-Pruner counts width - trunc(width (1 - ratio)), the same number, but in doubles, where 10 (1 - 0.9) is less than
 * 1.
 */
export function placesToRemove(width: number, ppm: number): number {
  const count = ceilShare(width, ppm)
  return count >= width ? 0 : count
}

/** The number of units that a share removes, each of `placesEach` places. Only whole units count, so it may be 0. */
export function unitsToRemove(units: number, placesEach: number, ppm: number): number {
  return Math.floor(placesToRemove(units * placesEach, ppm) / placesEach)
}

/**
 * The `count` units with the lowest scores of each group, ascending. Groups are equally long and lie one after the
 * other.
 */
export function lowestOfGroups(scores: Float64Array, groups: number, count: number): number[] {
  const size = scores.length / groups
  return Array.from({ length: groups }, (_, group) => group * size).flatMap((from) =>
    lowestUnits(scores.subarray(from, from + size), count).map((unit) => from + unit),
  )
}

/** The `count` units with the lowest scores, ascending. Among equal scores the first units are taken. */
export function lowestUnits(scores: ArrayLike<number>, count: number): number[] {
  return Array.from({ length: scores.length }, (_, unit) => unit)
    .sort((a, b) => scores[a] - scores[b] || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)
}
