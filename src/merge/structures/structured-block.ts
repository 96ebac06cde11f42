/** A block after structures were removed: its bytes, its weights, and the number of units that changed. */

import type { LayerWeights } from '../../form/block-form.ts'
import { countMoved, countZeros, isKept, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { FrameReader, writeFrame } from '../bytes.ts'
import { InvalidMergedBlockError } from '../errors.ts'
import { readMask } from '../masks/sparse-layer.ts'
import { type Adapter, addAdapter, isPruned, RANK, SCALE } from './adapter.ts'
import { assertShapes, type PackedAdapter, readAdapters, unpacked } from './structured-contribution.ts'

export interface StructuredBlock {
  /** One bitmap a structure over its units, 1 = kept. */
  kept: Uint8Array[]
  /** One entry a layer, in order of role; null if nobody has trained yet. */
  adapters: PackedAdapter[] | null
}

const MAGIC = 'COPU'
const VERSION = 1
const WITHOUT_ADAPTERS = 1
const WITH_ADAPTERS = 2

/**
 * The one encoding: the header, one bitmap a structure, then, if there are adapters, A and B of each layer as fp16, in
 * order of role.
 * @throws {RangeError} the block does not have this form
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

/**
 * The inverse of encodeStructuredBlock.
 * @throws {InvalidMergedBlockError} MAGIC, VERSION, KIND, RESERVED, LENGTH, PADDING or VALUE: the bytes are not that
 * one encoding
 */
export function decodeStructuredBlock(form: StructuredForm, bytes: Uint8Array): StructuredBlock {
  const kinds = [WITHOUT_ADAPTERS, WITH_ADAPTERS]
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, kinds, InvalidMergedBlockError)
  const kept = form.structures.map(({ units }) => readMask(reader, units, 0, InvalidMergedBlockError))
  const adapters = reader.kind === WITHOUT_ADAPTERS ? null : readAdapters(reader, form, InvalidMergedBlockError)
  reader.end()
  return { kept, adapters }
}

/** One array a structure: the removed units, ascending. */
export function removedUnits({ structures }: StructuredForm, { kept }: StructuredBlock): number[][] {
  return structures.map(({ units }, s) =>
    Array.from({ length: units }, (_, unit) => unit).filter((unit) => !isKept(kept[s], unit)),
  )
}

/** The rows and columns of a layer that are kept, ascending. */
export interface LeftPlaces {
  rows: number[]
  cols: number[]
}

/** One entry a layer, in order of role. */
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
 * The weights, one array a layer in order of role, row-major [rows, cols] as in the base. Adapters are added; removed
 * places are +0.
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

/**
 * The kept rows and columns of a layer, row-major [rows.length, cols.length].
 * @param width - columns of the whole layer
 */
export function cutLayer(weight: LayerWeights, { rows, cols }: LeftPlaces, width: number): Float32Array {
  const out = new Float32Array(rows.length * cols.length)
  let at = 0
  for (const row of rows) for (const col of cols) out[at++] = weight[row * width + col]
  return out
}

/** An adapter of the base's layer, cut to the kept rows and columns. */
export function gathered({ a, b }: Adapter, { rows, cols }: LeftPlaces): Adapter {
  const width = b.length / RANK
  return {
    a: Float32Array.from(cols.flatMap((col) => [...a.subarray(col * RANK, (col + 1) * RANK)])),
    b: Float32Array.from(Array.from({ length: RANK }, (_, k) => rows.map((row) => b[k * width + row])).flat()),
  }
}

/** The inverse of `gathered`: an adapter of the smaller layer in the base's shape, with zeros at removed places. */
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
 * Counts units: all (`bits`), the removed ones (`zeros`), and those that the merge before kept and this one does not,
 * or the other way round (`moved`).
 * @param previous - null: compare with a block that keeps all units
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
