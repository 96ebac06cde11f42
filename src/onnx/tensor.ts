/**
 * Tensors of a model file, by reference: where the bytes lie, not the bytes. A model may be larger than memory,
 * so a tensor is read when it is used, by range, through a file handle (offsets beyond 2^31 are ordinary).
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { InputError } from '../base/errors.ts'
import { widen } from '../form/fp16.ts'

/** ONNX element types that Coppice meets, by their number in TensorProto.DataType. */
export const DATA_TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  bfloat16: 16,
} as const

/** The usual names of the element types, by number (onnx.proto, TensorProto.DataType). */
const NAMES = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16'],
  ...['float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz'],
  ...['float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1', 'float8e8m0', 'uint2', 'int2'],
]

export function typeName(dataType: number): string {
  return NAMES[dataType] ?? `of the unknown number ${dataType}`
}

const BYTES: Record<number, number> = {
  [DATA_TYPE.float]: 4,
  [DATA_TYPE.uint8]: 1,
  [DATA_TYPE.int8]: 1,
  [DATA_TYPE.int32]: 4,
  [DATA_TYPE.int64]: 8,
  [DATA_TYPE.bool]: 1,
  [DATA_TYPE.float16]: 2,
  [DATA_TYPE.double]: 8,
  [DATA_TYPE.bfloat16]: 2,
}

const FLOATING: ReadonlySet<number> = new Set([
  DATA_TYPE.float,
  DATA_TYPE.float16,
  DATA_TYPE.double,
  DATA_TYPE.bfloat16,
])

/**
 * Where a tensor's bytes are, little-endian and row-major: in a file, or (small ones, new ones) in memory. `widened`:
 * the tensor is float32, and its bytes are made of those of an fp16 tensor whenever they are read. `cut`: these places
 * of an axis of another tensor, ascending. `computed`: made by constants of the graph, whenever they are read.
 * `sparse`: these values at these places ([NNZ] row-major, or [NNZ, rank]), zeros else.
 */
export type TensorBytes =
  | { kind: 'file'; path: string; offset: number; length: number }
  | { kind: 'memory'; bytes: Uint8Array }
  | { kind: 'widened'; from: TensorRef }
  | { kind: 'cut'; from: TensorRef; axis: number; places: readonly number[] }
  | { kind: 'computed'; length: number; compute: () => Uint8Array }
  | { kind: 'sparse'; values: TensorRef; indices: TensorRef }

export interface TensorRef {
  name: string
  dims: number[]
  dataType: number
  data: TensorBytes
}

export function elementBytes(dataType: number, name: string): number {
  const bytes = BYTES[dataType]
  if (bytes === undefined) {
    throw new InputError({
      code: 'TENSOR_TYPE',
      what: `tensor "${name}" has the element type ${typeName(dataType)}, which is not supported`,
      hint: 'Export the model with float32 weights.',
    })
  }
  return bytes
}

export function isFloating(dataType: number): boolean {
  return FLOATING.has(dataType)
}

/** Whether a tensor is more than a vector: at least two of its sizes are larger than 1. */
export function isMatrix(dims: readonly number[]): boolean {
  return dims.filter((size) => size > 1).length > 1
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

export function byteLength({ data, dims, dataType, name }: TensorRef): number {
  if (data.kind === 'widened') return 2 * byteLength(data.from)
  if (data.kind === 'cut') return (byteLength(data.from) / data.from.dims[data.axis]) * data.places.length
  if (data.kind === 'sparse') return elementCount(dims) * elementBytes(dataType, name)
  return data.kind === 'memory' ? data.bytes.length : data.length
}

/** Largest single read: Node refuses lengths of 2^31 and more. */
const MAX_READ_BYTES = 1 << 30

/** Fills `target` from a file at `offset`; a short file is an InputError. */
export function readRange(path: string, offset: number, target: Uint8Array): void {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    throw dataMissing(path, cause)
  }
  try {
    readFully(fd, path, offset, target)
  } finally {
    closeSync(fd)
  }
}

export function dataMissing(path: string, cause?: unknown): InputError {
  return new InputError({
    code: 'MODEL_DATA_MISSING',
    what: `${path} cannot be read`,
    hint: 'Put the weights file that model.onnx names beside it.',
    cause,
  })
}

export function readFully(fd: number, path: string, offset: number, target: Uint8Array): void {
  let done = 0
  while (done < target.length) {
    const read = readSync(fd, target, done, Math.min(MAX_READ_BYTES, target.length - done), offset + done)
    if (read === 0) throw truncated(path, offset + done)
    done += read
  }
}
export function truncated(path: string, end: number): InputError {
  return new InputError({
    code: 'MODEL_TRUNCATED',
    what: `${path} ends at byte ${end}, before the tensor that should lie there`,
    hint: 'Copy the model again: a file of it is cut short.',
  })
}

/** The raw bytes of a tensor, aligned for any element type: in `out`, of that very length, or freshly allocated. */
export function tensorBytes(tensor: TensorRef, out = new Uint8Array(byteLength(tensor))): Uint8Array<ArrayBuffer> {
  readBytes(tensor, 0, out)
  return out
}

/** Fills `out` with a tensor's bytes from `offset` on. */
function readBytes(tensor: TensorRef, offset: number, out: Uint8Array<ArrayBuffer>): void {
  const { data } = tensor
  if (data.kind === 'file') readRange(data.path, data.offset + offset, out)
  else if (data.kind === 'memory') out.set(data.bytes.subarray(offset, offset + out.length))
  else if (data.kind === 'cut') out.set(cutBytes(data).subarray(offset, offset + out.length))
  else if (data.kind === 'computed') out.set(data.compute().subarray(offset, offset + out.length))
  else if (data.kind === 'sparse') readSparse(tensor, data, offset, out)
  else readWidened(data.from, offset / 4, new Float32Array(out.buffer, out.byteOffset, out.length / 4))
}

/** @throws {InputError} MODEL_TENSOR_SIZE: a value lies outside the tensor */
function readSparse(
  { name, dims, dataType }: TensorRef,
  { values, indices }: Extract<TensorBytes, { kind: 'sparse' }>,
  offset: number,
  out: Uint8Array,
): void {
  const bytes = tensorBytes(values)
  const places = new BigInt64Array(tensorBytes(indices).buffer)
  const width = elementBytes(dataType, name)
  const axes = indices.dims.length === 1 ? [elementCount(dims)] : dims
  out.fill(0)
  for (let k = 0; k < values.dims[0]; k++) {
    let place = 0
    for (const [axis, size] of axes.entries()) {
      const at = Number(places[k * axes.length + axis])
      if (at < 0 || at >= size) throw outside(name, dims)
      place = place * size + at
    }
    const at = place * width - offset
    if (at >= 0 && at < out.length) out.set(bytes.subarray(k * width, (k + 1) * width), at)
  }
}

function outside(name: string, dims: readonly number[]): InputError {
  return new InputError({
    code: 'MODEL_TENSOR_SIZE',
    what: `sparse tensor "${name}" has a value outside its dimensions [${dims}]`,
    hint: 'Export or copy the model again.',
  })
}

/** The same tensor, ready for many partial reads: bytes that would be computed at each read are computed once, now. */
export function readable(tensor: TensorRef): TensorRef {
  const { data } = tensor
  if (data.kind === 'widened') return { ...tensor, data: { kind: 'widened', from: readable(data.from) } }
  if (data.kind === 'file' || data.kind === 'memory') return tensor
  return { ...tensor, data: { kind: 'memory', bytes: tensorBytes(tensor) } }
}

/** A tensor without some places of an axis; its bytes are made whenever they are read. */
export function cutTensor(from: TensorRef, axis: number, places: readonly number[]): TensorRef {
  const dims = from.dims.map((size, k) => (k === axis ? places.length : size))
  return { ...from, dims, data: { kind: 'cut', from, axis, places } }
}

function cutBytes({ from, axis, places }: Extract<TensorBytes, { kind: 'cut' }>): Uint8Array {
  const whole = tensorBytes(from)
  const outer = elementCount(from.dims.slice(0, axis))
  const run = whole.length / outer / from.dims[axis]
  const out = new Uint8Array(outer * places.length * run)
  for (let i = 0, at = 0; i < outer; i++) {
    for (const place of places) {
      const first = (i * from.dims[axis] + place) * run
      out.set(whole.subarray(first, first + run), at)
      at += run
    }
  }
  return out
}

/** Reads an fp16 tensor as float32 from element `first` on, a piece at a time: no second copy of a large one. */
function readWidened(from: TensorRef, first: number, out: Float32Array): void {
  const tensor = readable(from)
  const bits = new Uint16Array(Math.min(out.length, PIECE_ELEMENTS))
  for (let from = 0; from < out.length; from += bits.length) {
    const piece = bits.subarray(0, Math.min(bits.length, out.length - from))
    readBytes(tensor, 2 * (first + from), new Uint8Array(piece.buffer, 0, piece.byteLength))
    widen(piece, out.subarray(from, from + piece.length))
  }
}

/** Elements in memory at once while a tensor is widened or transposed: 2 or 4 MiB. */
const PIECE_ELEMENTS = 1 << 20

/** Some values of a float32 tensor in the file's own order; by default all. */
export function readFloats(tensor: TensorRef, from = 0, count = elementCount(tensor.dims)): Float32Array<ArrayBuffer> {
  assertFloat(tensor)
  const values = new Float32Array(count)
  readBytes(tensor, 4 * from, new Uint8Array(values.buffer))
  return values
}

/** The values of a float32 matrix, transposed, without a second copy of it. */
export function readTransposed(tensor: TensorRef): Float32Array<ArrayBuffer> {
  assertFloat(tensor)
  const [rows, cols] = tensor.dims
  const source = readable(tensor)
  const out = new Float32Array(rows * cols)
  const most = Math.min(rows, Math.max(1, Math.floor(PIECE_ELEMENTS / cols)))
  const piece = new Float32Array(most * cols)
  for (let first = 0; first < rows; first += most) {
    const some = Math.min(most, rows - first)
    readBytes(source, 4 * first * cols, new Uint8Array(piece.buffer, 0, 4 * some * cols))
    transposeInto(out, piece, some, cols, rows, first)
  }
  return out
}

/** The number of values that are 0 or -0. One piece of the tensor is in memory at a time. */
export function countZeroValues(tensor: TensorRef): number {
  const source = readable(tensor)
  const bytes = elementBytes(tensor.dataType, tensor.name)
  const total = byteLength(tensor)
  const piece = new Uint8Array(Math.min(total, PIECE_ELEMENTS * bytes))
  let zeros = 0
  for (let from = 0; from < total; from += piece.length) {
    const some = piece.subarray(0, Math.min(piece.length, total - from))
    readBytes(source, from, some)
    zeros += zerosIn(tensor.dataType, some)
  }
  return zeros
}

function zerosIn(dataType: number, bytes: Uint8Array<ArrayBuffer>): number {
  const zeros = (values: ArrayLike<number | bigint>) => {
    let count = 0
    for (let i = 0; i < values.length; i++) count += Number(Number(values[i]) === 0)
    return count
  }
  const { buffer, byteLength: length } = bytes
  if (dataType === DATA_TYPE.float) return zeros(new Float32Array(buffer, 0, length / 4))
  if (dataType === DATA_TYPE.double) return zeros(new Float64Array(buffer, 0, length / 8))
  if (isFloating(dataType)) return zeros(new Uint16Array(buffer, 0, length / 2).map((bits) => bits & 0x7fff)) // no sign
  if (dataType === DATA_TYPE.int64) return zeros(new BigInt64Array(buffer, 0, length / 8))
  return zeros(dataType === DATA_TYPE.int32 ? new Int32Array(buffer, 0, length / 4) : bytes)
}

function assertFloat(tensor: TensorRef): void {
  if (tensor.dataType !== DATA_TYPE.float) {
    throw new InputError({
      code: 'TENSOR_TYPE',
      what: `tensor "${tensor.name}" has the element type ${typeName(tensor.dataType)}, where float32 is wanted`,
      hint: 'Export the model with float32 weights.',
    })
  }
}

/** The transpose of a row-major [rows, cols] matrix, as row-major [cols, rows], in `out` or freshly allocated. */
export function transpose(
  matrix: Float32Array,
  rows: number,
  cols: number,
  out = new Float32Array(matrix.length),
): Float32Array<ArrayBuffer> {
  transposeInto(out, matrix, rows, cols, rows, 0)
  return out
}

/** out[col, first + row] = matrix[row, col], for `out` with `stride` columns. */
function transposeInto(
  out: Float32Array,
  matrix: Float32Array,
  rows: number,
  cols: number,
  stride: number,
  first: number,
): void {
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(rows, top + TILE)
    for (let left = 0; left < cols; left += TILE) {
      const right = Math.min(cols, left + TILE)
      for (let row = top; row < bottom; row++) {
        for (let col = left; col < right; col++) out[col * stride + first + row] = matrix[row * cols + col]
      }
    }
  }
}

/** Two tiles of 32 x 32 float32 fit a first-level cache. */
const TILE = 32
