/**
 * The contribution of one member for one block, and its bytes. Both payloads begin with the statistics: for each
 * distinct layer input, in the form's order, one float32 a column, x = fround(sum of squares / tokens). The payload
 * `weights` goes on, layer by layer in order of role: the mask, ceil(rows * cols / 8) bytes, then one fp16 for each 1
 * in it, in flat order. The payload `statistics` carries no mask. It serves pruners whose mask is a function of base
 * weights and statistics: the receiver derives the sender's mask, bit by bit, so that no mask can be ill-formed. It
 * takes 0.03 bit a weight; a bitmap takes 1.
 */
import { InputError } from '../../base/errors.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { packSurvivors } from '../../form/fp16.ts'
import { countKept, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import type { PayloadKind } from '../../form/method.ts'
import { FrameReader, HEADER_BYTES, kindOf, writeFrame } from '../bytes.ts'
import { InvalidContributionError } from '../errors.ts'
import { MEAN_SQUARE_END } from '../sums/exact-sum.ts'
import { readSparseLayer, type SparseLayer } from './sparse-layer.ts'

export interface BlockContribution {
  /** One array a layer input, [cols]: the mean over tokens of x_j^2. */
  inputs: Float32Array[]
  /** One entry a layer, in order of role; only for the payload `weights`. */
  layers?: SparseLayer[]
}

/** One layer after pruning. */
interface PrunedWeights {
  /** Row-major [rows, cols]. */
  weight: Float32Array
  /** Bitmap, 1 = kept. */
  mask: Uint8Array
}

const MAGIC = 'COPC'
const VERSION = 1
const KINDS: Record<PayloadKind, number> = { statistics: 1, weights: 2 }

/**
 * Makes the contribution of a pruned block. Survivors are rounded to fp16.
 * @param layers - one entry a layer, in order of role; undefined for the payload `statistics`
 * @param meanSquares - one array a layer input, [cols]; empty if nothing was observed (magnitude without text): all
 * columns then count alike
 * @param names - names of the layers, in order of role, for messages
 * @throws {InputError} STATISTIC_RANGE: a mean square is NaN, negative or too large to be added up
 * @throws {InputError} FP16_RANGE: a kept weight is NaN, infinite or beyond fp16
 */
export function toContribution(
  form: BlockForm,
  layers: readonly PrunedWeights[] | undefined,
  meanSquares: readonly Float32Array[],
  names?: readonly string[],
): BlockContribution {
  const inputs = form.inputs.map((cols, input) => meanSquares[input] ?? new Float32Array(cols).fill(1))
  for (const [input, values] of inputs.entries()) assertStatistics(values, input)
  if (layers === undefined) return { inputs }
  return {
    inputs,
    layers: layers.map(({ weight, mask }, role) => ({
      mask,
      survivors: packSurvivors(weight, mask, names?.[role] ?? `${role} of the block`),
    })),
  }
}

function assertStatistics(values: Float32Array, input: number): void {
  const at = findBadStatistic(values)
  if (at < 0) return
  throw new InputError({
    code: 'STATISTIC_RANGE',
    what: `input ${input} of the block: the mean square of feature ${at} is ${values[at]}, beyond what is added up (2^47)`,
    hint: 'The activations of this model are damaged or overflow; check the model file and the text.',
  })
}

/** The index of the first value that is NaN, not below MEAN_SQUARE_END, negative or -0; -1 if there is none. */
function findBadStatistic(values: Float32Array): number {
  return values.findIndex((value) => !(value >= 0 && value < MEAN_SQUARE_END) || Object.is(value, -0))
}

/**
 * The one encoding of a contribution.
 * @throws {RangeError} the contribution does not have this form
 */
export function encodeContribution(form: BlockForm, { inputs, layers }: BlockContribution): Uint8Array {
  const kind = layers === undefined ? 'statistics' : 'weights'
  assertShape(form, { inputs, layers })
  const arrays = (layers ?? []).flatMap(({ mask, survivors }) => [mask, survivors])
  return writeFrame({ magic: MAGIC, version: VERSION, kind: KINDS[kind] }, [...inputs, ...arrays])
}

/** The payload that bytes claim to carry, told without the block's form; null if they are no contribution. */
export function payloadKindOf(bytes: Uint8Array): PayloadKind | null {
  const kind = kindOf(bytes, { magic: MAGIC, version: VERSION })
  return kind === KINDS.statistics ? 'statistics' : kind === KINDS.weights ? 'weights' : null
}

/**
 * The least and the greatest length of an encoded contribution of this form, in bytes. It is known before anything is
 * fetched or read.
 */
export function contributionBytes(form: BlockForm, kind: PayloadKind): { least: number; most: number } {
  const statistics = form.inputs.reduce((sum, cols) => sum + 4 * cols, HEADER_BYTES)
  if (kind === 'statistics') return { least: statistics, most: statistics }
  const sizes = form.layers.map(({ rows, cols }) => rows * cols)
  const least = sizes.reduce((sum, size) => sum + maskBytes(size), statistics)
  return { least, most: sizes.reduce((sum, size) => sum + 2 * size, least) }
}

/**
 * The inverse of encodeContribution, for a peer's bytes. Bytes that it accepts are those that encodeContribution writes
 * for its result.
 * @throws {InvalidContributionError} MAGIC, VERSION, KIND, RESERVED, LENGTH, STATISTIC, PADDING or VALUE: the author is
 * at fault
 */
export function decodeContribution(form: BlockForm, kind: PayloadKind, bytes: Uint8Array): BlockContribution {
  const reader = new FrameReader(bytes, { magic: MAGIC, version: VERSION }, [KINDS[kind]], InvalidContributionError)
  const inputs = form.inputs.map((cols, input) => readStatistics(reader, cols, input))
  if (kind === 'statistics') {
    reader.end()
    return { inputs }
  }
  const layers = form.layers.map(({ rows, cols }, role) =>
    readSparseLayer(reader, rows * cols, role, InvalidContributionError),
  )
  reader.end()
  return { inputs, layers }
}

function readStatistics(reader: FrameReader, cols: number, input: number): Float32Array {
  const values = reader.float32s(cols)
  const at = findBadStatistic(values)
  if (at < 0) return values
  throw new InvalidContributionError(
    'STATISTIC',
    `input ${input}: the mean of squares of column ${at} is ${values[at]}`,
  )
}

function assertShape(form: BlockForm, { inputs, layers }: BlockContribution): void {
  const fault = shapeFault(form, { inputs, layers })
  if (fault !== null) throw new RangeError(fault.what)
}

/** The first part of a contribution that does not have this form; null if all parts have it. */
export function shapeFault(
  form: BlockForm,
  { inputs, layers }: BlockContribution,
): { what: string; layer: number | null } | null {
  if (inputs.length !== form.inputs.length) {
    return { what: `statistics of ${inputs.length} inputs, expected ${form.inputs.length}`, layer: null }
  }
  const input = inputs.findIndex((values, i) => values.length !== form.inputs[i])
  if (input >= 0) {
    const what = `statistics of input ${input}: ${inputs[input].length} columns, expected ${form.inputs[input]}`
    return { what, layer: null }
  }
  if (layers === undefined) return null
  if (layers.length !== form.layers.length) {
    return { what: `${layers.length} layers, expected ${form.layers.length}`, layer: null }
  }
  const layer = layers.findIndex(({ mask, survivors }, role) => {
    const size = form.layers[role].rows * form.layers[role].cols
    return mask.length !== maskBytes(size) || !isPaddedWithZeros(mask, size) || survivors.length !== countKept(mask)
  })
  return layer < 0 ? null : { what: 'mask and survivors do not fit the shape', layer }
}
