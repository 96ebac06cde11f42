/**
 * The merged layers of one block: their bytes, the weights that they give, and the number of mask bits that changed.
 */

import type { BlockForm, LayerWeights } from '../../form/block-form.ts'
import { float16Of } from '../../form/fp16.ts'
import { countKept, countMoved, countZeros, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import { FrameReader, writeFrame } from '../bytes.ts'
import { InvalidMergedBlockError } from '../errors.ts'
import { readMask, readSparseLayer } from './sparse-layer.ts'

export interface MergedLayer {
  /** Bitmap over [rows, cols], 1 = kept. */
  mask: Uint8Array
  /**
   * fp16 bits of the kept weights in flat order; null if they are the base's own values. All layers of a block have
   * null, or none.
   */
  survivors: Uint16Array | null
}

export interface MergedBlock {
  /** One entry a layer, in order of role. */
  layers: MergedLayer[]
}

const MAGIC = 'COPM'
const VERSION = 1
const BASE_VALUES = 1
const FP16_VALUES = 2

/**
 * The one encoding of a merged block: the header, then for each layer in order of role the mask and, unless survivors
 * are the base's, their fp16.
 * @throws {RangeError} the block does not have this form
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

/**
 * The inverse of encodeMergedBlock.
 * @throws {InvalidMergedBlockError} MAGIC, VERSION, KIND, RESERVED, LENGTH, PADDING or VALUE: the bytes are not that
 * one encoding
 */
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

/**
 * The pruned weights, one array a layer in order of role, row-major [rows, cols]. Kept weights are widened from fp16 or
 * the base's own; the rest is +0.
 */
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

/**
 * Counts a block's mask bits, and those that differ from the merge before.
 * @param previous - null: compare with masks that keep everything
 */
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
