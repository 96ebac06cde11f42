/** The job that gives the forms of contributions, if structures are removed. */
import { unitsToRemove } from '../../form/units.ts'
import { adaptersForm, importancesForm, maskedBytes } from '../../merge/masked/vector.ts'
import { type StructuredPart, structuredBytes } from '../../merge/structures/structured-contribution.ts'
import { refuseNothing } from '../../structure/choose/nothing-removed.ts'
import type { Bench } from '../bench.ts'

/** One entry a block. */
export interface StructuredForms {
  /** The lengths of contributions, in bytes. */
  bytes: Record<StructuredPart, number>[]
  /** The lengths of masked vectors, in bytes. */
  masked: Record<StructuredPart, number>[]
  /** The number of units. */
  units: number[]
}

/**
 * @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN: the model cannot be cut
 * @throws {UsageError} NOTHING_REMOVED: the share would remove nothing
 */
export async function describeForms(
  { dir, from, to, ppm }: { dir: string; from: number; to: number; ppm: number },
  bench: Bench,
): Promise<StructuredForms> {
  const model = await bench.structured(dir)
  const inRange = model.forms.slice(from, to).flatMap(({ structures }) => structures)
  if (inRange.every(({ units, places }) => unitsToRemove(units, places, ppm) === 0)) {
    const units = Math.max(0, ...inRange.map((structure) => structure.units))
    refuseNothing({ amount: { gone: ppm }, unit: 'head or channel', units })
  }
  model.assertCuttable(from, Math.min(to, model.forms.length))
  const units = model.forms.map(({ structures }) => structures.reduce((sum, each) => sum + each.units, 0))
  const bytes = model.forms.map((form) => ({
    importances: structuredBytes(form, 'importances'),
    adapters: structuredBytes(form, 'adapters'),
  }))
  const masked = model.forms.map((form) => ({
    importances: maskedBytes(importancesForm(form)),
    adapters: maskedBytes(adaptersForm(form)),
  }))
  return { bytes, masked, units }
}
