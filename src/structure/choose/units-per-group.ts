/** How many units of a structure are removed of each of its groups. */
import { unitsToRemove } from '../../form/units.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'

/** The fewest places that a unit takes of a layer: of attention heads the size of one, of packed members one. */
export function placesPerUnit(decoder: Decoder, block: number, { members }: Structure): number {
  const layers = new Set(decoder.cut.blocks[block].layers.map(({ weight }) => weight.name))
  return Math.min(...members.filter(({ tensor }) => layers.has(tensor)).map(({ places: [first] }) => first.length))
}

/** How many units of a structure go of each of its groups. */
export function perGroup(
  { units, groups }: Pick<Structure, 'units' | 'groups'>,
  placesEach: number,
  ratio: number,
): number {
  return unitsToRemove(units / groups, placesEach, ratio)
}
