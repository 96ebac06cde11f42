/** Translates the structures of a model to the forms that the merge knows, and its results back to removed units. */
import { dropKept, newMask } from '../../form/mask.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import {
  type LeftPlaces,
  leftPlaces,
  removedUnits,
  type StructuredBlock,
} from '../../merge/structures/structured-block.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { placesPerUnit } from '../choose/units-per-group.ts'
import type { FollowedBlock } from '../find/follow-blocks.ts'
import type { Removal, RemovedUnits } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'

/** One entry a block. */
export function structuredForms(decoder: Decoder, followed: readonly FollowedBlock[]): StructuredForm[] {
  return followed.map(({ structures }, block) => ({
    layers: decoder.forms[block].layers,
    structures: free(structures).map((structure) => ({
      units: structure.units,
      places: placesPerUnit(decoder, block, structure),
      members: structure.members.flatMap(({ tensor, axis, places }) => {
        const role = decoder.cut.blocks[block].layers.findIndex(({ weight }) => weight.name === tensor)
        if (role === -1) return []
        const isOutIn = decoder.cut.blocks[block].layers[role].stored === 'out-in'
        return [{ role, along: isOutIn === (axis === 0) ? ('rows' as const) : ('cols' as const), places }]
      }),
    })),
  }))
}

/** The structures whose units can be removed. */
export function free(structures: readonly Structure[]): Structure[] {
  return structures.filter(({ locked }) => locked === undefined)
}

/**
 * The places that are left of each layer of a block, by role. @param removed - in the order of the form's structures
 */
export function leftOf(form: StructuredForm, removed: readonly RemovedUnits[]): LeftPlaces[] {
  const kept = form.structures.map(({ units }, s) => {
    const mask = newMask(units)
    for (const unit of removed[s].units) dropKept(mask, unit)
    return mask
  })
  return leftPlaces(form, { kept, adapters: null })
}

/** The removed units of all merged blocks, one entry a block, in the form that slicing takes. */
export function removals(
  followed: readonly FollowedBlock[],
  forms: readonly StructuredForm[],
  merged: ReadonlyMap<number, StructuredBlock>,
): Removal[] {
  return followed.map(({ structures }, block) => {
    const own = merged.get(block)
    const units = own === undefined ? [] : removedUnits(forms[block], own)
    return { block, removed: free(structures).map((structure, s) => ({ structure, units: units[s] ?? [] })) }
  })
}
