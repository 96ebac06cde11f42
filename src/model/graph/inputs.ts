/**
 * The inputs of a decoder's graph for windows of equal length, without padding and with nothing before them. Every
 * input's meaning follows from its name; an input with an unknown name is refused, never guessed.
 */

import { InputError } from '../../base/errors.ts'
import { CACHE_SWITCH } from '../../onnx/lower/inline-branches.ts'
import { cacheLengths } from '../../onnx/lower/plain-cache.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { DATA_TYPE, elementBytes, elementCount, typeName } from '../../onnx/tensor.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import { tensorOfBytes } from '../../runtime/session.ts'
import { headSize, keyValueHeads } from './directory.ts'
import { fixedShape, fixedSizes, unfit } from './fixed-sizes.ts'

interface InputWindows {
  /** Token ids, row-major [batch, window]. */
  ids: BigInt64Array
  batch: number
  window: number
  /** Number of positions before the windows, whose keys and values are fed as zeros; default: none. */
  past?: number
}

interface Wanted extends Required<InputWindows> {
  name: string
  dataType: number
  /** The graph's dimensions, undefined where one differs from run to run; null if the graph gives none. */
  shape: (number | undefined)[] | null
  /** The number of positions for which a past must have room, though nothing is in them. */
  room: number
  config: Record<string, unknown>
  path: string
}

/**
 * The most bytes of one past: 131,072 positions of 32 heads of 128 numbers in fp16 are less. There are two for each
 * block.
 */
const MAX_PAST_BYTES = 2 ** 31

/** Names of inputs with the keys and values of earlier positions. */
const PAST = /^past/

/** One entry an input, or a family of inputs of one meaning. */
const INPUTS: [RegExp, (wanted: Wanted) => ort.Tensor][] = [
  [/^input_ids$/, (wanted) => integers(wanted, [wanted.batch, wanted.window], (i) => wanted.ids[i])],
  [/^attention_mask$/, (wanted) => grid({ ...wanted, window: wanted.past + wanted.window }, () => 1)],
  [/^position_ids$/, (wanted) => grid(wanted, (column) => wanted.past + column)],
  [/^cache_position$/, (wanted) => integers(wanted, [wanted.window], (i) => wanted.past + i)],
  // GroupQueryAttention's inputs: the number of tokens of each window before the last one, and the longest window with
  // its past.
  [/^seqlens_k$/, (wanted) => each(wanted, wanted.past + wanted.window - 1)],
  [/^total_sequence_length$/, (wanted) => each(wanted, wanted.past + wanted.window)],
  [/^(past_sequence_length|past_seq_len)$/, (wanted) => each(wanted, wanted.past)],
  // 0 keeps the logits of all tokens.
  [/^(num_logits_to_keep|logits_to_keep)$/, (wanted) => each(wanted, 0)],
  [new RegExp(`^${CACHE_SWITCH}$`), ({ past }) => new ort.Tensor('bool', [past > 0], [1])],
  [PAST, zeroPast],
]

/**
 * The value of every input of the graph that is not an initializer, by name.
 * @throws {InputError} MODEL_INPUT, MODEL_PAST, MODEL_FIXED
 */
export function graphInputs(
  { graph, initializers, path }: OnnxModel,
  config: Record<string, unknown>,
  windows: InputWindows,
): Map<string, ort.Tensor> {
  const values = new Map<string, ort.Tensor>()
  const rooms = cacheLengths(graph)
  for (const info of graph.input) {
    const { name, type } = info
    if (initializers.has(name)) continue
    const entry = INPUTS.find(([pattern]) => pattern.test(name))
    const dataType = type?.tensorType?.elemType ?? 0
    const wanted = {
      past: 0,
      ...windows,
      name,
      dataType,
      shape: fixedShape(info) ?? null,
      room: rooms.get(name) ?? 0,
      config,
      path,
    }
    if (entry === undefined) throw unknown(wanted)
    const tensor = entry[1](wanted)
    assertTakes(wanted, tensor.dims)
    values.set(name, tensor)
  }
  return values
}

/** Whether a graph takes the keys and values of any number of earlier positions. */
export function takesPast(model: OnnxModel): boolean {
  const isFree = (shape: ReturnType<typeof fixedShape>) => shape?.length === 4 && shape[2] === undefined
  const pasts = model.graph.input.filter(({ name }) => PAST.test(name) && !model.initializers.has(name)).map(fixedShape)
  return (
    pasts.some(({ length = 0 } = []) => length === 4) &&
    pasts.every((shape) => shape?.length !== 4 || isFree(shape)) &&
    fixedSizes(model).window === undefined
  )
}

/** @throws {InputError} MODEL_FIXED: the graph has fixed another size */
function assertTakes({ name, shape, path }: Wanted, dims: readonly number[]): void {
  if (shape === null || dims.every((size, axis) => size === (shape[axis] ?? size))) return
  const fixed = shape.map((size) => size ?? '?').join()
  throw unfit(path, `"${name}" is fixed at [${fixed}], and windows of this length need [${dims}]`)
}

function unknown({ name, path, shape }: Wanted): InputError {
  return new InputError({
    code: 'MODEL_INPUT',
    what: `${path} wants an input "${name}"${shape ? ` [${shape.map((size) => size ?? '?')}]` : ''}, which is not known`,
    hint: 'Export the model for text generation (input_ids, attention_mask, position_ids, past_key_values.*).',
  })
}

/** Whole numbers in the element type that the graph asks for. */
function integers(wanted: Wanted, dims: number[], of: (i: number) => number | bigint): ort.Tensor {
  const length = dims.reduce((product, size) => product * size, 1)
  if (wanted.dataType === DATA_TYPE.int32)
    return new ort.Tensor(
      'int32',
      Int32Array.from({ length }, (_, i) => Number(of(i))),
      dims,
    )
  if (wanted.dataType === DATA_TYPE.int64)
    return new ort.Tensor(
      'int64',
      BigInt64Array.from({ length }, (_, i) => BigInt(of(i))),
      dims,
    )
  throw unknown(wanted)
}

/** A tensor [batch, window], or [1, window] if the graph's shape says so. */
function grid(wanted: Wanted, of: (column: number) => number): ort.Tensor {
  const { shape, batch, window } = wanted
  if (shape !== null && shape.length !== 2) throw unknown(wanted)
  return integers(wanted, [shape?.[0] === 1 ? 1 : batch, window], (i) => of(i % window))
}

/** One number: a scalar, [1], or one for each window, as the graph's shape says. */
function each(wanted: Wanted, value: number): ort.Tensor {
  const { shape, batch } = wanted
  if (shape !== null && shape.length > 2) throw unknown(wanted)
  return integers(
    wanted,
    (shape ?? []).map((size, axis) => (size === 1 || axis > 0 ? 1 : batch)),
    () => value,
  )
}

/** A past beyond MAX_PAST_BYTES, by a size that the graph has fixed, or by one of config.json. */
function tooLarge({ name, path, shape }: Wanted, dims: readonly number[], bytes: number): InputError {
  const isFixed = shape?.every((size, axis) => axis === 0 || axis === 2 || size !== undefined) ?? false
  if (isFixed) return unfit(path, `"${name}" is fixed at [${dims}], which is ${bytes} bytes`)
  return new InputError({
    code: 'MODEL_PAST',
    what: `${path}: by config.json the input "${name}" is [${dims}], where one position takes ${bytes} bytes`,
    hint: 'Correct the numbers and sizes of heads in config.json; or export without past inputs.',
  })
}

/** Element types in which ONNX Runtime takes keys and values from outside; bfloat16 is none. */
const PAST_TYPES: ReadonlySet<number> = new Set([DATA_TYPE.float, DATA_TYPE.float16, DATA_TYPE.double])

/**
 * A past of zeros: [batch, key/value heads, positions, head size], where positions is 0, or the number for which it
 * must have room.
 * @throws {InputError} MODEL_PAST, MODEL_FIXED, MODEL_INPUT
 */
function zeroPast(wanted: Wanted): ort.Tensor {
  const { name, dataType, shape, batch, past, room, config, path } = wanted
  const dims = [batch, shape?.[1] ?? keyValueHeads(config), Math.max(past, room), shape?.[3] ?? headSize(config)]
  if (shape?.length !== 4 || dims.includes(undefined)) {
    throw new InputError({
      code: 'MODEL_PAST',
      what: `${path}: the shape of "${name}" follows from neither graph nor config.json`,
      hint: 'config.json should say num_attention_heads and hidden_size or head_dim; or export without past inputs.',
    })
  }
  // One position, at least, is counted: the other sizes must be possible even where there is none.
  const [windows, heads, positions, size] = dims as number[]
  const bytes = elementCount([windows, heads, Math.max(positions, 1), size]) * elementBytes(dataType, name)
  if (bytes > MAX_PAST_BYTES) throw tooLarge(wanted, dims as number[], bytes)
  if (!PAST_TYPES.has(dataType)) {
    throw new InputError({
      code: 'MODEL_INPUT',
      what: `${path} wants an input "${name}" of the element type ${typeName(dataType)}, which cannot be fed`,
      hint: 'Export the model with keys and values in float32 or float16.',
    })
  }
  const length = positions === 0 ? 0 : bytes
  return tensorOfBytes(dataType, new Uint8Array(length), dims as number[])
}
