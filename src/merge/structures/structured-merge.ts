/**
 * The merge where structures are removed. Importances are added over the members, exactly and free of order. The least
 * important units are removed, as many as the ratio says; none where nobody has offered importances. Adapters are
 * averaged over those who trained. Every member counts equally. The result is a pure function of the set of
 * contributions, with the same bits on every machine. Plain contributions are added up here, masked ones in
 * masked/totals.ts: to the same totals, from which on there is one merge.
 */

import { float16Of, fp16Bits } from '../../form/fp16.ts'
import { dropKept, newMask } from '../../form/mask.ts'
import type { StructuredTarget } from '../../form/method.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { lowestUnits, unitsToRemove } from '../../form/units.ts'
import { MAX_CONTRIBUTIONS } from '../masks/tally.ts'
import { sumOfWholes } from '../sums/exact-sum.ts'
import { trimmed } from '../trim.ts'
import type { StructuredBlock } from './structured-block.ts'
import type { PackedAdapter, StructuredContribution } from './structured-contribution.ts'

/** The sums of all that members offer to a block. */
export interface StructuredTotals {
  /** One array a structure: the sum of each unit's importances; null: nobody has offered any. */
  importances: readonly Float64Array[] | null
  /** null: nobody has trained. */
  adapters: AdapterTotals | null
}

export interface AdapterTotals {
  /** The members that have trained. */
  sites: number
  /** One entry a layer, in order of role: exact sums, in the shapes of an Adapter. */
  sums: readonly { a: Float64Array; b: Float64Array }[]
}

/**
 * Merges the contributions for one block.
 * @param contributions - at least one, each decoded and validated; their order does not matter
 * @param faults - the number of liars whose importances the rule `trimmed` withstands; 0: the rule is `l0`
 * @throws {RangeError} there are no contributions, or more than MAX_CONTRIBUTIONS
 */
export function mergeStructured(
  form: StructuredForm,
  target: StructuredTarget,
  block: number,
  contributions: readonly StructuredContribution[],
  faults = 0,
): StructuredBlock {
  return mergeTotals(form, target, block, structuredTotals(form, contributions, faults))
}

/** Units are removed only if the block is in the target's range. */
export function mergeTotals(
  form: StructuredForm,
  { ppm, from, to }: StructuredTarget,
  block: number,
  { importances, adapters }: StructuredTotals,
): StructuredBlock {
  const inRange = block >= from && block < to
  const kept = form.structures.map(({ units, places }, s) => {
    const mask = newMask(units)
    if (!inRange || importances === null) return mask
    for (const unit of lowestUnits(importances[s], unitsToRemove(units, places, ppm))) dropKept(mask, unit)
    return mask
  })
  return { kept, adapters: adapters === null ? null : averaged(adapters) }
}

/** See mergeStructured. */
function structuredTotals(
  form: StructuredForm,
  contributions: readonly StructuredContribution[],
  faults: number,
): StructuredTotals {
  if (contributions.length < 1 || contributions.length > MAX_CONTRIBUTIONS)
    throw new RangeError(`${contributions.length} contributions: expected 1 to ${MAX_CONTRIBUTIONS}`)
  const offered = contributions.flatMap((each) => ('importances' in each ? [each.importances] : []))
  const trained = contributions.flatMap((each) => ('adapters' in each ? [each.adapters] : []))
  const sumsOf = (s: number) =>
    summed(
      offered.map((importances) => importances[s]),
      faults,
    )
  return {
    importances: offered.length === 0 ? null : form.structures.map((_, s) => sumsOf(s)),
    adapters: trained.length === 0 ? null : adapterTotals(form, trained),
  }
}

/** The sums of the values that are left over the contributions, one a unit: see trim.ts. */
function summed(values: readonly Float64Array[], faults: number): Float64Array {
  const sums = new Float64Array(values[0].length)
  const column = new Float64Array(values.length)
  for (let unit = 0; unit < sums.length; unit++) {
    for (let i = 0; i < column.length; i++) column[i] = values[i][unit]
    sums[unit] = sumOfWholes(trimmed(column, faults))
  }
  return sums
}

/** Sums of fp16 are exact: see tally.ts. */
function adapterTotals({ layers }: StructuredForm, trained: readonly PackedAdapter[][]): AdapterTotals {
  const sumOf = (matrices: readonly Uint16Array[]) => {
    const sums = new Float64Array(matrices[0].length)
    for (const matrix of matrices) {
      const values = float16Of(matrix)
      for (let i = 0; i < sums.length; i++) sums[i] += values[i]
    }
    return sums
  }
  const sums = layers.map((_, role) => ({
    a: sumOf(trained.map((adapters) => adapters[role].a)),
    b: sumOf(trained.map((adapters) => adapters[role].b)),
  }))
  return { sites: trained.length, sums }
}

/** The mean of each layer's adapters, rounded to fp16 once. See l0.ts. */
function averaged({ sites, sums }: AdapterTotals): PackedAdapter[] {
  const mean = (totals: Float64Array) => fp16Bits(totals.map((total) => total / sites))
  return sums.map(({ a, b }) => ({ a: mean(a), b: mean(b) }))
}
