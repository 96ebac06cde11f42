/**
 * The format in which Hugging Face keeps weights. A file is: 8 bytes, the length of the header, little-endian; the
 * header, JSON, one entry a tensor: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, and
 * "__metadata__", strings; then the data, little-endian and row-major, to which the offsets count. There are no gaps
 * and no overlaps. Source: README of huggingface/safetensors, "Format".
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { InputError } from '../../base/errors.ts'
import { DATA_TYPE, elementBytes, elementCount, readRange, type TensorRef } from '../../onnx/tensor.ts'

/** ONNX's number of each element type. */
const DATA_TYPES: Readonly<Record<string, number>> = {
  BF16: DATA_TYPE.bfloat16,
  BOOL: DATA_TYPE.bool,
  F16: DATA_TYPE.float16,
  F32: DATA_TYPE.float,
  F64: DATA_TYPE.double,
  I32: DATA_TYPE.int32,
  I64: DATA_TYPE.int64,
  I8: DATA_TYPE.int8,
  U8: DATA_TYPE.uint8,
}

const LENGTH_BYTES = 8
/** The format's own limit: a header is read whole, and a length may be anything. */
const MAX_HEADER_BYTES = 100_000_000
/** Data begins at a multiple of this, so that any element type is aligned; the header ends with spaces. */
const ALIGNMENT = 8

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [begin: number, end: number]
}

/**
 * The tensors of a file by name, in the order of the data.
 * @throws {InputError} SAFETENSORS_SHORT, SAFETENSORS_HEADER, SAFETENSORS_JSON, SAFETENSORS_ENTRY, SAFETENSORS_TYPE,
 * SAFETENSORS_SHAPE, SAFETENSORS_OFFSET, SAFETENSORS_SIZE
 */
export function readSafetensors(path: string): Map<string, TensorRef> {
  const { size } = statSync(path)
  const length = headerLength(path, size)
  const bytes = new Uint8Array(length)
  readRange(path, LENGTH_BYTES, bytes)
  const start = LENGTH_BYTES + length
  let end = start
  const tensors = new Map<string, TensorRef>()
  for (const [name, { dtype, shape, data_offsets }] of entries(path, bytes)) {
    if (!Object.hasOwn(DATA_TYPES, dtype))
      throw unreadable(path, { code: 'SAFETENSORS_TYPE', why: `"${name}" has the element type ${dtype}` })
    const dataType = DATA_TYPES[dtype]
    const offset = start + data_offsets[0]
    const wanted = elementCount(shape) * elementBytes(dataType, name)
    const why = `"${name}" does not lie where its shape says`
    if (offset !== end) throw unreadable(path, { code: 'SAFETENSORS_OFFSET', why })
    if (data_offsets[1] - data_offsets[0] !== wanted) throw unreadable(path, { code: 'SAFETENSORS_SHAPE', why })
    end = offset + wanted
    tensors.set(name, { name, dims: shape, dataType, data: { kind: 'file', path, offset, length: wanted } })
  }
  if (end !== size)
    throw unreadable(path, { code: 'SAFETENSORS_SIZE', why: `it has ${size} bytes where its header says ${end}` })
  return tensors
}

function headerLength(path: string, size: number): number {
  if (size < LENGTH_BYTES) throw unreadable(path, { code: 'SAFETENSORS_SHORT', why: 'it is shorter than a length' })
  const head = new Uint8Array(LENGTH_BYTES)
  readRange(path, 0, head)
  const length = new DataView(head.buffer).getBigUint64(0, true)
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES)))
    throw unreadable(path, { code: 'SAFETENSORS_HEADER', why: `its header claims ${length} bytes` })
  return Number(length)
}

function entries(path: string, bytes: Uint8Array): [string, Entry][] {
  let header: Record<string, unknown>
  try {
    header = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw unreadable(path, { code: 'SAFETENSORS_JSON', why: 'its header is no JSON', cause })
  }
  const found = Object.entries(header ?? {}).filter(([name]) => name !== '__metadata__')
  const bad = found.find(([, entry]) => !isEntry(entry))
  if (bad) throw unreadable(path, { code: 'SAFETENSORS_ENTRY', why: `"${bad[0]}" has no good entry` })
  return (found as [string, Entry][]).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])
}

function isEntry(entry: unknown): entry is Entry {
  const { dtype, shape, data_offsets } = (entry ?? {}) as Partial<Entry>
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
  const isList = (value: unknown): value is number[] => Array.isArray(value) && value.every(whole)
  return typeof dtype === 'string' && isList(shape) && isList(data_offsets) && data_offsets.length === 2
}

/** A way in which a file is not what the format says. */
interface Fault {
  code: string
  why: string
  cause?: unknown
}

function unreadable(path: string, { code, why, cause }: Fault): InputError {
  return new InputError({
    code,
    what: `${path} is not a readable safetensors file: ${why}`,
    hint: 'Copy the file again, or move it away: names are then taken from the graph.',
    cause,
  })
}

/** A tensor to be written. Its bytes are asked for once, when its turn comes. */
export interface WrittenTensor {
  name: string
  dims: readonly number[]
  dataType: number
  bytes(): Uint8Array
}

/** Writes tensors in the given order, with one in memory at a time. */
export function writeSafetensors(path: string, tensors: readonly WrittenTensor[]): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } } // transformers reads this entry
  let end = 0
  for (const { name, dims, dataType } of tensors) {
    const begin = end
    end += elementCount(dims) * elementBytes(dataType, name)
    header[name] = { dtype: dtypeOf(dataType), shape: dims, data_offsets: [begin, end] }
  }
  const json = Buffer.from(JSON.stringify(header))
  const padding = Buffer.alloc((ALIGNMENT - (json.length % ALIGNMENT)) % ALIGNMENT, ' ')
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeBigUInt64LE(BigInt(json.length + padding.length))
  const fd = openSync(path, 'w')
  try {
    for (const piece of [length, json, padding]) writeFully(fd, piece)
    for (const tensor of tensors) writeFully(fd, tensor.bytes())
  } finally {
    closeSync(fd)
  }
}

function dtypeOf(dataType: number): string {
  const found = Object.entries(DATA_TYPES).find(([, known]) => known === dataType)
  if (found === undefined) throw new Error(`element type ${dataType} has no name in safetensors`)
  return found[0]
}

/** Node refuses lengths of 2^31 and more. */
const MAX_WRITE_BYTES = 1 << 30

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, Math.min(MAX_WRITE_BYTES, bytes.length - done))
}
