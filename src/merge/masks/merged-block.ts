/** The merged layers of one block: their bytes, what model they give, and how far they moved. */

import type { BlockForm, LayerWeights } from '../../form/block-form.ts'
import { float16Of } from '../../form/fp16.ts'
import { countKept, countMoved, countZeros, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import { FrameReader, writeFrame } from '../bytes.ts'
import { InvalidMergedBlockError } from '../errors.ts'
import { readMask, readSparseLayer } from './sparse-layer.ts'

export interface MergedLayer {
  /** Bitmap over [rows, cols], 1 = kept. */
  mask: Uint8Array
  /** fp16 bits of the kept weights in flat order; null: the base's own values. The same for all layers of a block. */
  survivors: Uint16Array | null
}

export interface MergedBlock {
  /** By role. */
  layers: MergedLayer[]
}

const MAGIC = 'COPM'
const VERSION = 1
const BASE_VALUES = 1
const FP16_VALUES = 2

/**
 * The one encoding of a merged block: header, then by role the mask and, unless survivors are the base's, their fp16.
 * @throws RangeError if the block does not have this form
 */
export function encodeMergedBlock(form: BlockForm, { layers }: MergedBlock): Uint8Array {
  const kind = layers.some(({ survivors }) => survivors !== null) ? FP16_VALUES : BASE_VALUES
  if (layers.length !== form.layers.length) throw new RangeError(`${layers.length} layers, not ${form.layers.length}`)
  for (const [role, { rows, cols }] of form.layers.entries()) {
    const { mask, survivors } = layers[role]
    const values = kind === BASE_VALUES ? null : countKept(mask)
    const fits = mask.length === maskBytes(rows * cols) && isPaddedWithZeros(mask, rows * cols)
    if (!fits || (survivors?.length ?? null) !== values) {
      throw new RangeError(`layer ${role}: mask or survivors are not those of ${rows} x ${cols}`)
    }
  }
  const arrays = layers.flatMap(({ mask, survivors }) => (survivors === null ? [mask] : [mask, survivors]))
  return writeFrame({ magic: MAGIC, version: VERSION, kind }, arrays)
}

/** @throws {InvalidMergedBlockError} anything but the one encoding */
export function decodeMergedBlock(form: BlockForm, bytes: Uint8Array): MergedBlock {
  const kinds = [BASE_VALUES, FP16_VALUES]
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, kinds, InvalidMergedBlockError)
  const layers = form.layers.map(({ rows, cols }, role): MergedLayer => {
    const size = rows * cols
    if (reader.kind === FP16_VALUES) return readSparseLayer(reader, size, role, InvalidMergedBlockError)
    return { mask: readMask(reader, size, role, InvalidMergedBlockError), survivors: null }
  })
  reader.end()
  return { layers }
}

/** The pruned weights by role, row-major [rows, cols]: kept ones widened from fp16 or the base's own, the rest +0. */
export function applyMerged(form: BlockForm, base: readonly LayerWeights[], { layers }: MergedBlock): Float32Array[] {
  return form.layers.map(({ rows, cols }, role) => {
    const { mask, survivors } = layers[role]
    const kept = survivors === null ? null : Float32Array.from(float16Of(survivors))
    const weight = new Float32Array(rows * cols)
    let next = 0
    for (let i = 0; i < weight.length; i++) {
      if (((mask[i >> 3] >> (i & 7)) & 1) === 1) weight[i] = kept === null ? base[role][i] : kept[next++]
    }
    return weight
  })
}

/** How many of a block's mask bits differ from the merge before; null: from masks that keep everything. */
export function maskChange(
  form: BlockForm,
  previous: MergedBlock | null,
  { layers }: MergedBlock,
): { moved: number; bits: number } {
  let moved = 0
  let bits = 0
  for (const [role, { rows, cols }] of form.layers.entries()) {
    const { mask } = layers[role]
    bits += rows * cols
    moved += previous === null ? countZeros(mask, rows * cols) : countMoved(previous.layers[role].mask, mask)
  }
  return { moved, bits }
}
