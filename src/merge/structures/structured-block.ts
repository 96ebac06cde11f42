/** A block after structures were removed: its bytes, its weights, and how far it moved. */

import type { LayerWeights } from '../../form/block-form.ts'
import { countMoved, countZeros, isKept, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { FrameReader, writeFrame } from '../bytes.ts'
import { InvalidMergedBlockError } from '../errors.ts'
import { readMask } from '../masks/sparse-layer.ts'
import { type Adapter, addAdapter, isPruned, RANK, SCALE } from './adapter.ts'
import { assertShapes, type PackedAdapter, readAdapters, unpacked } from './structured-contribution.ts'

export interface StructuredBlock {
  /** By structure: a bitmap over its units, 1 = kept. */
  kept: Uint8Array[]
  /** By role; null: nobody has trained yet. */
  adapters: PackedAdapter[] | null
}

const MAGIC = 'COPU'
const VERSION = 1
const WITHOUT_ADAPTERS = 1
const WITH_ADAPTERS = 2

/**
 * The one encoding: header, by structure the bitmap, then by role A and B as fp16 where there are adapters.
 * @throws RangeError if the block does not have this form
 */
export function encodeStructuredBlock(form: StructuredForm, { kept, adapters }: StructuredBlock): Uint8Array {
  const fits = form.structures.every(
    ({ units }, s) => kept[s]?.length === maskBytes(units) && isPaddedWithZeros(kept[s], units),
  )
  if (!fits || kept.length !== form.structures.length) throw new RangeError('kept units of another form')
  if (adapters !== null) assertShapes(form, adapters)
  const kind = adapters === null ? WITHOUT_ADAPTERS : WITH_ADAPTERS
  const arrays = (adapters ?? []).flatMap(({ a, b }) => [a, b])
  return writeFrame({ magic: MAGIC, version: VERSION, kind }, [...kept, ...arrays])
}

/** @throws {InvalidMergedBlockError} anything but the one encoding */
export function decodeStructuredBlock(form: StructuredForm, bytes: Uint8Array): StructuredBlock {
  const kinds = [WITHOUT_ADAPTERS, WITH_ADAPTERS]
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, kinds, InvalidMergedBlockError)
  const kept = form.structures.map(({ units }) => readMask(reader, units, 0, InvalidMergedBlockError))
  const adapters = reader.kind === WITHOUT_ADAPTERS ? null : readAdapters(reader, form, InvalidMergedBlockError)
  reader.end()
  return { kept, adapters }
}

/** Units that are gone, by structure, ascending. */
export function removedUnits({ structures }: StructuredForm, { kept }: StructuredBlock): number[][] {
  return structures.map(({ units }, s) =>
    Array.from({ length: units }, (_, unit) => unit).filter((unit) => !isKept(kept[s], unit)),
  )
}

/** Rows and columns of a layer that are left, ascending. */
export interface LeftPlaces {
  rows: number[]
  cols: number[]
}

/** By role. */
export function leftPlaces(form: StructuredForm, block: StructuredBlock): LeftPlaces[] {
  const gone = form.layers.map(({ rows, cols }) => ({ rows: new Uint8Array(rows), cols: new Uint8Array(cols) }))
  for (const [s, units] of removedUnits(form, block).entries()) {
    for (const { role, along, places } of form.structures[s].members)
      for (const unit of units) for (const place of places[unit]) gone[role][along][place] = 1
  }
  const left = (marks: Uint8Array) => [...marks.keys()].filter((place) => marks[place] === 0)
  return gone.map(({ rows, cols }) => ({ rows: left(rows), cols: left(cols) }))
}

/**
 * The weights by role, row-major [rows, cols] as in the base: changed by the adapters, and +0 where places are gone.
 */
export function applyStructured(
  form: StructuredForm,
  base: readonly LayerWeights[],
  block: StructuredBlock,
): Float32Array[] {
  const left = leftPlaces(form, block)
  return form.layers.map(({ cols: width }, role) => {
    const changed = Float32Array.from(base[role])
    const adapter = block.adapters?.[role]
    if (adapter !== undefined)
      addAdapter(changed, unpacked(adapter), { rank: RANK, scale: SCALE, holdsZeros: isPruned(changed) })
    const weight = new Float32Array(changed.length)
    const { rows, cols } = left[role]
    for (const row of rows) for (const col of cols) weight[row * width + col] = changed[row * width + col]
    return weight
  })
}

/** The rows and columns that are left of a layer, row-major. */
export function cutLayer(weight: LayerWeights, { rows, cols }: LeftPlaces, width: number): Float32Array {
  const out = new Float32Array(rows.length * cols.length)
  let at = 0
  for (const row of rows) for (const col of cols) out[at++] = weight[row * width + col]
  return out
}

/** An adapter of the base's layer, as one of the smaller layer. */
export function gathered({ a, b }: Adapter, { rows, cols }: LeftPlaces): Adapter {
  const width = b.length / RANK
  return {
    a: Float32Array.from(cols.flatMap((col) => [...a.subarray(col * RANK, (col + 1) * RANK)])),
    b: Float32Array.from(Array.from({ length: RANK }, (_, k) => rows.map((row) => b[k * width + row])).flat()),
  }
}

/** The inverse: what is gone has zeros. */
export function scattered(
  { a, b }: Adapter,
  { rows, cols }: LeftPlaces,
  { rows: allRows, cols: allCols }: { rows: number; cols: number },
): Adapter {
  const out = { a: new Float32Array(RANK * allCols), b: new Float32Array(RANK * allRows) }
  for (const [i, col] of cols.entries()) out.a.set(a.subarray(i * RANK, (i + 1) * RANK), col * RANK)
  for (let k = 0; k < RANK; k++)
    for (const [i, row] of rows.entries()) out.b[k * allRows + row] = b[k * rows.length + i]
  return out
}

/**
 * Units: all, gone, and how many are kept now and were not in the merge before or the other way; null: all were kept.
 */
export function unitChange(
  { structures }: StructuredForm,
  previous: StructuredBlock | null,
  { kept }: StructuredBlock,
): { moved: number; bits: number; zeros: number } {
  const total = { moved: 0, bits: 0, zeros: 0 }
  for (const [s, { units }] of structures.entries()) {
    const zeros = countZeros(kept[s], units)
    total.bits += units
    total.zeros += zeros
    total.moved += previous === null ? zeros : countMoved(previous.kept[s], kept[s])
  }
  return total
}
