/**
 * The contribution of one member for one block where structures are removed, and its bytes: the header, then for each
 * structure one float64 a unit, its importance, a whole number (scaled-importances.ts). Kind 2 goes on with the
 * adapters: A and B of each layer as fp16, in order of role. The first round carries importances alone. Every later
 * contribution carries them again, so that the newest manifest names all that the merge needs.
 */

import type { LayerWeights } from '../../form/block-form.ts'
import { findBadFp16, float16Of, fp16Bits } from '../../form/fp16.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { FrameReader, HEADER_BYTES, kindOf, writeFrame } from '../bytes.ts'
import { type FaultClass, InvalidContributionError } from '../errors.ts'
import { type Adapter, adapterSizes, RANK } from './adapter.ts'
import { assertAdapterBounds } from './adapter-bounds.ts'
import { importancesFault } from './scaled-importances.ts'

/** fp16 bits of an adapter's matrices; see Adapter for their shapes. */
export interface PackedAdapter {
  a: Uint16Array
  b: Uint16Array
}

export interface StructuredContribution {
  /** One array a structure: the importance of each unit, scaled. */
  importances: Float64Array[]
  /** One entry a layer, in order of role; null if nothing was trained. */
  adapters: PackedAdapter[] | null
}

const MAGIC = 'COPI'
const VERSION = 2
const IMPORTANCES = 1
const WITH_ADAPTERS = 2

/** The one encoding of such a contribution. @throws {RangeError} the contribution does not have this form */
export function encodeStructured(form: StructuredForm, { importances, adapters }: StructuredContribution): Uint8Array {
  const fits = form.structures.every(({ units }, s) => importances[s]?.length === units)
  if (!fits || importances.length !== form.structures.length) throw new RangeError('importances of another form')
  if (adapters !== null) assertShapes(form, adapters)
  const arrays = (adapters ?? []).flatMap(({ a, b }) => [a, b])
  const kind = adapters === null ? IMPORTANCES : WITH_ADAPTERS
  return writeFrame({ magic: MAGIC, version: VERSION, kind }, [...importances, ...arrays])
}

/** @throws {RangeError} the adapters are not one a layer, in the shapes of this form */
export function assertShapes({ layers }: StructuredForm, adapters: readonly PackedAdapter[]): void {
  const fits = layers.every((layer, role) => {
    const { a, b } = adapterSizes(layer, RANK)
    return adapters[role]?.a.length === a && adapters[role].b.length === b
  })
  if (!fits || adapters.length !== layers.length) throw new RangeError('adapters of another form')
}

/** Whether bytes claim to be such a contribution. */
export function isStructured(bytes: Uint8Array): boolean {
  return kindOf(bytes, { magic: MAGIC, version: VERSION }) !== null
}

/** The length of the longest such contribution, in bytes. */
export function structuredBytes({ structures, layers }: StructuredForm): number {
  const importances = structures.reduce((sum, { units }) => sum + 8 * units, HEADER_BYTES)
  return layers.reduce((sum, { rows, cols }) => sum + 2 * RANK * (rows + cols), importances)
}

/**
 * The inverse of encodeStructured, for a peer's bytes.
 * @throws {InvalidContributionError} MAGIC, VERSION, KIND, RESERVED, LENGTH, STATISTIC or VALUE: the author is at fault
 */
export function decodeStructured(form: StructuredForm, bytes: Uint8Array): StructuredContribution {
  const kinds = [IMPORTANCES, WITH_ADAPTERS]
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, kinds, InvalidContributionError)
  const importances = form.structures.map(({ units }, s) => {
    const values = reader.float64s(units)
    const fault = importancesFault(values)
    if (fault === null) return values
    throw new InvalidContributionError('STATISTIC', `structure ${s}: ${fault}`)
  })
  const adapters = reader.kind === IMPORTANCES ? null : readAdapters(reader, form, InvalidContributionError)
  reader.end()
  return { importances, adapters }
}

/** Reads the adapters of a block, one entry a layer. @throws {Fault} LENGTH or VALUE */
export function readAdapters(reader: FrameReader, { layers }: StructuredForm, Fault: FaultClass): PackedAdapter[] {
  const read = (size: number, role: number) => {
    const bits = reader.uint16s(size, role)
    const bad = findBadFp16(bits)
    if (bad < 0) return bits
    throw new Fault('VALUE', `number ${bad} of the adapter is -0, NaN or infinite`, role)
  }
  return layers.map((layer, role) => {
    const { a, b } = adapterSizes(layer, RANK)
    return { a: read(a, role), b: read(b, role) }
  })
}

/** The limits for adapters to one block, which follow from the plan and the base model. */
export interface Training {
  /** The most steps that anybody trains in the whole plan. */
  steps: number
  /** Before any training: one entry a layer, in order of role. */
  starts: readonly Adapter[]
}

/**
 * Whether a decoded contribution may enter a merge.
 * @param base - one array a layer in order of role, row-major [rows, cols]
 * @throws {InvalidContributionError} TRAINING or NORM
 */
export function validateStructured(
  base: readonly LayerWeights[],
  { steps, starts }: Training,
  { adapters }: StructuredContribution,
): void {
  if (adapters === null) return
  if (steps === 0) throw new InvalidContributionError('TRAINING', 'it has adapters, and the plan trains none')
  for (const [role, own] of adapters.entries())
    assertAdapterBounds(role, base[role], unpacked(own), { start: starts[role], steps })
}

/** The inverse of `packed`: fp16 widened to float32, which is exact. */
export function unpacked({ a, b }: PackedAdapter): Adapter {
  return { a: Float32Array.from(float16Of(a)), b: Float32Array.from(float16Of(b)) }
}

/** An adapter rounded to fp16, to nearest, ties to even. */
export function packed({ a, b }: Adapter): PackedAdapter {
  return { a: fp16Bits(a), b: fp16Bits(b) }
}
