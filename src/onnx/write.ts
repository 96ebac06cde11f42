/**
 * Writes an ONNX model as a stream: the graph first, then each initializer's bytes, one tensor in memory at a time.
 * Weights go where the base had them: inside model.onnx, or in one file beside it.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from './generated/onnx_pb.js'
import type { OnnxModel } from './read.ts'
import { byteLength, readRange, type TensorRef, tensorBytes } from './tensor.ts'

/** ONNX Runtime maps external tensors page by page; ONNX asks for 4 KiB alignment. */
const ALIGNMENT = 4096
/** Smaller tensors stay inside model.onnx even where the weights lie beside it, as exporters do. */
const EXTERNAL_FROM_BYTES = 1024

/** The bytes to write for an initializer: those of the base by default. */
export type Replacement = (tensor: TensorRef) => Uint8Array | undefined

/** A stretch of a file of the model. */
export interface Chunk {
  file: 'graph' | 'weights'
  position: number
  bytes: Uint8Array
}

/**
 * The model as the bytes of its files, in order, with the tensors that `replace` answers (same dims and element type)
 * instead of its own. `externalFile`: name of the weights file beside the graph, or null to keep all weights inside (at
 * most 2 GB, protobuf's limit). Gaps between chunks of the weights file are zeros.
 */
export function* serialiseOnnx(
  model: OnnxModel,
  externalFile: string | null,
  replace: Replacement = () => undefined,
): Generator<Chunk> {
  const tensors = [...model.initializers.values()]
  const offsets = externalFile === null ? new Map<string, number>() : layOut(tensors)
  const heads = tensors.map((tensor) => tensorHead(tensor, externalFile, offsets.get(tensor.name)))
  const inside = (tensor: TensorRef) => !offsets.has(tensor.name)
  const sizes = tensors.map((tensor, i) => heads[i].length + (inside(tensor) ? fieldSize(byteLength(tensor)) : 0))
  const graph = toBinary(GraphProtoSchema, model.graph)
  const graphLength = sizes.reduce((sum, size) => sum + fieldSize(size), graph.length)
  let position = 0
  const next = (bytes: Uint8Array): Chunk => {
    const chunk: Chunk = { file: 'graph', position, bytes }
    position += bytes.length
    return chunk
  }
  yield next(toBinary(ModelProtoSchema, model.proto))
  yield next(fieldHead(7, graphLength))
  yield next(graph)
  for (const [i, tensor] of tensors.entries()) {
    yield next(fieldHead(5, sizes[i]))
    yield next(heads[i])
    if (!inside(tensor)) continue
    yield next(fieldHead(9, byteLength(tensor)))
    yield next(replace(tensor) ?? tensorBytes(tensor))
  }
  for (const tensor of tensors) {
    const offset = offsets.get(tensor.name)
    if (offset !== undefined) yield { file: 'weights', position: offset, bytes: replace(tensor) ?? tensorBytes(tensor) }
  }
}

/** Where the files of a model lie. */
export function modelPaths(path: string, externalFile: string | null): Record<Chunk['file'], string> {
  return { graph: path, weights: externalFile === null ? path : join(dirname(path), externalFile) }
}

/** Writes the model to `path`, and its weights beside it if `externalFile` says so. */
export function writeOnnx(model: OnnxModel, path: string, externalFile: string | null, replace?: Replacement): void {
  const paths = modelPaths(path, externalFile)
  const fds = { graph: openSync(paths.graph, 'w'), weights: externalFile === null ? -1 : openSync(paths.weights, 'w') }
  try {
    for (const { file, position, bytes } of serialiseOnnx(model, externalFile, replace))
      writeAll(fds[file], bytes, position)
  } finally {
    closeSync(fds.graph)
    if (fds.weights !== -1) closeSync(fds.weights)
  }
}

/**
 * Compares the files at `path` with what writeOnnx would write, byte for byte: null, or the first place that differs.
 */
export function compareOnnx(
  model: OnnxModel,
  path: string,
  externalFile: string | null,
  replace?: Replacement,
): string | null {
  const paths = modelPaths(path, externalFile)
  const ends = { graph: 0, weights: 0 }
  for (const { file, position, bytes } of serialiseOnnx(model, externalFile, replace)) {
    const gap = new Uint8Array(position - ends[file])
    ends[file] = position + bytes.length
    for (const [expected, at] of [
      [gap, position - gap.length],
      [bytes, position],
    ] as const) {
      const found = new Uint8Array(expected.length)
      if (ends[file] > statSync(paths[file]).size) return `${paths[file]} is shorter than it should be`
      readRange(paths[file], at, found)
      if (Buffer.compare(expected, found) !== 0)
        return `${paths[file]} differs between byte ${at} and ${at + expected.length}`
    }
  }
  for (const file of externalFile === null ? (['graph'] as const) : (['graph', 'weights'] as const)) {
    if (statSync(paths[file]).size !== ends[file]) return `${paths[file]} is longer than it should be`
  }
  return null
}

function layOut(tensors: TensorRef[]): Map<string, number> {
  const offsets = new Map<string, number>()
  let end = 0
  for (const tensor of tensors) {
    const length = byteLength(tensor)
    if (length < EXTERNAL_FROM_BYTES) continue
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    offsets.set(tensor.name, offset)
    end = offset + length
  }
  return offsets
}

/** A TensorProto without its bytes. */
function tensorHead(tensor: TensorRef, externalFile: string | null, offset: number | undefined): Uint8Array {
  const { name, dims, dataType } = tensor
  const head = create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType })
  if (externalFile !== null && offset !== undefined) {
    head.dataLocation = 1
    head.externalData = Object.entries({ location: externalFile, offset, length: byteLength(tensor) }).map(
      ([key, value]) => create(StringStringEntryProtoSchema, { key, value: String(value) }),
    )
  }
  return toBinary(TensorProtoSchema, head)
}

function varint(value: number): number[] {
  const out: number[] = []
  while (value > 127) {
    out.push((value % 128) | 128)
    value = Math.floor(value / 128)
  }
  out.push(value)
  return out
}

/** Tag and length of a length-delimited field (numbers below 16 take one byte). */
function fieldHead(number: number, length: number): Uint8Array {
  return Uint8Array.from([number * 8 + 2, ...varint(length)])
}

function fieldSize(length: number): number {
  return 1 + varint(length).length + length
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.length)
    done += writeSync(fd, bytes, done, Math.min(MAX_WRITE_BYTES, bytes.length - done), position + done)
}

/** Node refuses lengths of 2^31 and more. */
const MAX_WRITE_BYTES = 1 << 30
