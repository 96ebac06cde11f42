/** Which units of a structure are removed. */
import type { Decoder } from '../model/forward/decoder.ts'
import type { Structure } from '../structure/find/structure.ts'

/**
 * How many places of an axis a ratio removes, as LLM-Pruner counts: width - trunc(width (1 - ratio)), in doubles as
 * there; none where that would leave nothing.
 */
export function placesToRemove(width: number, ratio: number): number {
  const count = width - Math.trunc(width * (1 - ratio))
  return count >= width ? 0 : count
}

/** The fewest places that a unit takes of a layer: of attention heads the size of one, of packed members one. */
export function placesPerUnit(decoder: Decoder, block: number, { members }: Structure): number {
  const layers = new Set(decoder.cut.blocks[block].layers.map(({ weight }) => weight.name))
  return Math.min(...members.filter(({ tensor }) => layers.has(tensor)).map(({ places: [first] }) => first.length))
}

/** How many units of so many places each: whole ones only, so a small ratio may remove none. */
export function unitsToRemove(units: number, placesEach: number, ratio: number): number {
  return Math.floor(placesToRemove(units * placesEach, ratio) / placesEach)
}

/** How many units of a structure go of each of its groups. */
export function perGroup(
  { units, groups }: Pick<Structure, 'units' | 'groups'>,
  placesEach: number,
  ratio: number,
): number {
  return unitsToRemove(units / groups, placesEach, ratio)
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
