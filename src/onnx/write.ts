/**
 * Writes an ONNX model as a stream: the graph first, then each initializer's bytes, one tensor in memory at a time.
 * Weights go where the base had them: inside model.onnx, or in one file beside it.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from './generated/onnx_pb.js'
import type { OnnxModel } from './read.ts'
import { byteLength, type TensorRef, tensorBytes } from './tensor.ts'

/** ONNX Runtime maps external tensors page by page; ONNX asks for 4 KiB alignment. */
const ALIGNMENT = 4096
/** Smaller tensors stay inside model.onnx even where the weights lie beside it, as exporters do. */
const EXTERNAL_FROM_BYTES = 1024

/** The bytes to write for an initializer: those of the base by default. */
export type Replacement = (tensor: TensorRef) => Uint8Array | undefined

/**
 * Writes `model` to `path` with the tensors that `replace` answers (same dims and element type) instead of its own.
 * `externalFile`: name of the weights file beside it, or null to keep all weights inside (at most 2 GB, protobuf's limit).
 */
export function writeOnnx(
  model: OnnxModel,
  path: string,
  externalFile: string | null,
  replace: Replacement = () => undefined,
): void {
  const tensors = [...model.initializers.values()]
  const offsets = externalFile === null ? new Map<string, number>() : layOut(tensors)
  const heads = tensors.map((tensor) => tensorHead(tensor, externalFile, offsets.get(tensor.name)))
  const inside = (tensor: TensorRef) => !offsets.has(tensor.name)
  const sizes = tensors.map((tensor, i) => heads[i].length + (inside(tensor) ? fieldSize(byteLength(tensor)) : 0))
  const graph = toBinary(GraphProtoSchema, model.graph)
  const graphLength = sizes.reduce((sum, size) => sum + fieldSize(size), graph.length)

  const fd = openSync(path, 'w')
  try {
    writeAll(fd, toBinary(ModelProtoSchema, model.proto))
    writeAll(fd, fieldHead(7, graphLength))
    writeAll(fd, graph)
    for (const [i, tensor] of tensors.entries()) {
      writeAll(fd, fieldHead(5, sizes[i]))
      writeAll(fd, heads[i])
      if (!inside(tensor)) continue
      writeAll(fd, fieldHead(9, byteLength(tensor)))
      writeAll(fd, replace(tensor) ?? tensorBytes(tensor))
    }
  } finally {
    closeSync(fd)
  }
  if (externalFile !== null) writeExternal(join(dirname(path), externalFile), tensors, offsets, replace)
}

function writeExternal(path: string, tensors: TensorRef[], offsets: Map<string, number>, replace: Replacement): void {
  const fd = openSync(path, 'w')
  try {
    for (const tensor of tensors) {
      const offset = offsets.get(tensor.name)
      if (offset !== undefined) writeAll(fd, replace(tensor) ?? tensorBytes(tensor), offset)
    }
  } finally {
    closeSync(fd)
  }
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

function writeAll(fd: number, bytes: Uint8Array, position: number | null = null): void {
  let done = 0
  while (done < bytes.length) {
    done += writeSync(
      fd,
      bytes,
      done,
      Math.min(1 << 30, bytes.length - done),
      position === null ? null : position + done,
    )
  }
}
