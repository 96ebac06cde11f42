/**
 * The contribution of one member for one block where structures are removed, and its bytes. Behind the header, kind 1
 * has for each structure one float64 a unit, its importance, a whole number (scaled-importances.ts); kind 2 has the
 * adapters, A and B of each layer as fp16, in order of role. Each kind has a slot of its own in a manifest (slots.ts).
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

interface Importances {
  /** One array a structure: the importance of each unit, scaled. */
  importances: Float64Array[]
}

export interface TrainedAdapters {
  /** One entry a layer, in order of role. */
  adapters: PackedAdapter[]
}

export type StructuredContribution = Importances | TrainedAdapters

/** The part of a model that a contribution is about. */
export type StructuredPart = 'importances' | 'adapters'

const MAGIC = 'COPI'
const VERSION = 2
const KINDS: Record<StructuredPart, number> = { importances: 1, adapters: 2 }
const PARTS: readonly StructuredPart[] = ['importances', 'adapters']

/** The one encoding of such a contribution. @throws {RangeError} the contribution does not have this form */
export function encodeStructured(form: StructuredForm, contribution: StructuredContribution): Uint8Array {
  if ('adapters' in contribution) {
    assertShapes(form, contribution.adapters)
    const arrays = contribution.adapters.flatMap(({ a, b }) => [a, b])
    return writeFrame({ magic: MAGIC, version: VERSION, kind: KINDS.adapters }, arrays)
  }
  const { importances } = contribution
  const fits = form.structures.every(({ units }, s) => importances[s]?.length === units)
  if (!fits || importances.length !== form.structures.length) throw new RangeError('importances of another form')
  return writeFrame({ magic: MAGIC, version: VERSION, kind: KINDS.importances }, importances)
}

/** @throws {RangeError} the adapters are not one a layer, in the shapes of this form */
export function assertShapes({ layers }: StructuredForm, adapters: readonly PackedAdapter[]): void {
  const fits = layers.every((layer, role) => {
    const { a, b } = adapterSizes(layer, RANK)
    return adapters[role]?.a.length === a && adapters[role].b.length === b
  })
  if (!fits || adapters.length !== layers.length) throw new RangeError('adapters of another form')
}

/** The part that bytes claim to be about, told without the block's form; null if they are no such contribution. */
export function structuredPartOf(bytes: Uint8Array): StructuredPart | null {
  const kind = kindOf(bytes, { magic: MAGIC, version: VERSION })
  return PARTS.find((part) => KINDS[part] === kind) ?? null
}

/** The length of such a contribution, in bytes. */
export function structuredBytes({ structures, layers }: StructuredForm, part: StructuredPart): number {
  return part === 'importances'
    ? structures.reduce((sum, { units }) => sum + 8 * units, HEADER_BYTES)
    : layers.reduce((sum, { rows, cols }) => sum + 2 * RANK * (rows + cols), HEADER_BYTES)
}

/**
 * The inverse of encodeStructured, for a peer's bytes.
 * @param parts - those that the bytes may be about
 * @throws {InvalidContributionError} MAGIC, VERSION, KIND, RESERVED, LENGTH, STATISTIC or VALUE: the author is at fault
 */
export function decodeStructured(
  form: StructuredForm,
  bytes: Uint8Array,
  parts: readonly StructuredPart[] = PARTS,
): StructuredContribution {
  const kinds = parts.map((part) => KINDS[part])
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, kinds, InvalidContributionError)
  const isTrained = reader.kind === KINDS.adapters
  const contribution = isTrained
    ? { adapters: readAdapters(reader, form, InvalidContributionError) }
    : { importances: readImportances(reader, form) }
  reader.end()
  return contribution
}

function readImportances(reader: FrameReader, form: StructuredForm): Float64Array[] {
  return form.structures.map(({ units }, s) => {
    const values = reader.float64s(units)
    const fault = importancesFault(values)
    if (fault === null) return values
    throw new InvalidContributionError('STATISTIC', `structure ${s}: ${fault}`)
  })
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
 * Whether decoded adapters may enter a merge. Importances that decodeStructured accepts always may.
 * @param base - one array a layer in order of role, row-major [rows, cols]
 * @throws {InvalidContributionError} NORM
 */
export function validateAdapters(
  base: readonly LayerWeights[],
  { steps, starts }: Training,
  { adapters }: TrainedAdapters,
): void {
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
