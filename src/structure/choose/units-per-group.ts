/** The number of units that are removed of each group of a structure. */
import { unitsToRemove } from '../../form/units.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'

/** The fewest places that a unit takes of a layer: for attention heads the head size, for packed members one. */
export function placesPerUnit(decoder: Decoder, block: number, { members }: Structure): number {
  const layers = new Set(decoder.cut.blocks[block].layers.map(({ weight }) => weight.name))
  return Math.min(...members.filter(({ tensor }) => layers.has(tensor)).map(({ places: [first] }) => first.length))
}

/** The number of units that a ratio removes of each group of a structure. */
export function perGroup(
  { units, groups }: Pick<Structure, 'units' | 'groups'>,
  placesEach: number,
  ppm: number,
): number {
  return unitsToRemove(units / groups, placesEach, ppm)
}
