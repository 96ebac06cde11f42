/**
 * Writes an ONNX model as a stream: the graph first, then each initializer's bytes, one tensor in memory at a time.
 * Weights go where the base had them: inside model.onnx, or in one file beside it.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from './generated/onnx_pb.js'
import { like } from './graph.ts'
import type { OnnxModel } from './model.ts'
import { byteLength, readRange, type TensorRef, tensorBytes } from './tensor.ts'
import { fieldHead } from './wire.ts'

/** ONNX Runtime maps external tensors page by page; ONNX asks for 4 KiB alignment. */
const ALIGNMENT = 4096
/** Smaller tensors stay inside model.onnx even where the weights lie beside it, as exporters do. */
const EXTERNAL_FROM_BYTES = 1024

/** Returns the bytes to write for an initializer; by default those of the base. */
export type Replacement = (tensor: TensorRef) => Uint8Array | undefined

/** A stretch of a file of the model. */
interface Chunk {
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
  const offsets = externalFile === null ? new Map<TensorRef, number>() : layOut(allTensors(model))
  const graph = graphMessage(model, model.graph, model.initializers, (tensor) => {
    const offset = offsets.get(tensor)
    const message = new Message().add(tensorHead(tensor, externalFile, offset))
    return offset === undefined ? message.tensor(tensor) : message
  })
  let position = 0
  for (const piece of [toBinary(ModelProtoSchema, model.proto), fieldHead(7, graph.length), ...graph.pieces]) {
    const bytes = piece instanceof Uint8Array ? piece : (replace(piece) ?? tensorBytes(piece))
    yield { file: 'graph', position, bytes }
    position += bytes.length
  }
  for (const [tensor, offset] of offsets) {
    yield { file: 'weights', position: offset, bytes: replace(tensor) ?? tensorBytes(tensor) }
  }
}

/**
 * The bytes of the graph, with other places for its weights.
 * @param locationOf - the place of a file of weights that the graph will name
 */
export function graphBytes(model: OnnxModel, locationOf: (path: string) => string): Uint8Array {
  const graph = graphMessage(model, model.graph, model.initializers, (tensor) => {
    const { data } = tensor
    if (data.kind !== 'file' || data.path === model.path)
      return new Message().add(tensorHead(tensor, null, undefined)).tensor(tensor)
    return new Message().add(tensorHead(tensor, locationOf(data.path), data.offset))
  })
  const pieces = graph.pieces.map((piece) => (piece instanceof Uint8Array ? piece : tensorBytes(piece)))
  return Buffer.concat([toBinary(ModelProtoSchema, model.proto), fieldHead(7, graph.length), ...pieces])
}

/** All initializers of the model, those of subgraphs last. */
function allTensors({ initializers, subgraphs }: OnnxModel): TensorRef[] {
  return [initializers, ...subgraphs.values()].flatMap((tensors) => [...tensors.values()])
}

/** A protobuf message as the bytes that are known, and the tensors whose bytes stand between them. */
class Message {
  readonly pieces: (Uint8Array | TensorRef)[] = []
  length = 0

  add(bytes: Uint8Array): this {
    if (bytes.length > 0) this.pieces.push(bytes)
    this.length += bytes.length
    return this
  }

  /** The raw_data of a TensorProto. */
  tensor(tensor: TensorRef): this {
    this.add(fieldHead(9, byteLength(tensor)))
    if (byteLength(tensor) > 0) this.pieces.push(tensor)
    this.length += byteLength(tensor)
    return this
  }

  field(number: number, message: Message): this {
    this.add(fieldHead(number, message.length))
    for (const piece of message.pieces) this.pieces.push(piece)
    this.length += message.length
    return this
  }
}

type TensorMessage = (tensor: TensorRef) => Message

/** A GraphProto; nodes that hold graphs are taken apart, all others are serialised together. */
function graphMessage(
  model: OnnxModel,
  graph: GraphProto,
  initializers: ReadonlyMap<string, TensorRef>,
  tensorMessage: TensorMessage,
): Message {
  const message = new Message()
  let plain: NodeProto[] = []
  const flush = () => {
    message.add(toBinary(GraphProtoSchema, create(GraphProtoSchema, { node: plain })))
    plain = []
  }
  for (const node of graph.node) {
    if (node.attribute.every(({ g }) => g === undefined)) plain.push(node)
    else {
      flush()
      message.field(1, nodeMessage(model, node, tensorMessage))
    }
  }
  flush()
  message.add(toBinary(GraphProtoSchema, like(graph, { node: [] })))
  for (const tensor of initializers.values()) message.field(5, tensorMessage(tensor))
  return message
}

function nodeMessage(model: OnnxModel, node: NodeProto, tensorMessage: TensorMessage): Message {
  const message = new Message().add(toBinary(NodeProtoSchema, like(node, { attribute: [] })))
  for (const attribute of node.attribute) {
    const { g } = attribute
    const content = new Message().add(toBinary(AttributeProtoSchema, like(attribute, { g: undefined })))
    if (g) content.field(6, graphMessage(model, g, model.subgraphs.get(g) ?? new Map(), tensorMessage))
    message.field(5, content)
  }
  return message
}

/** The paths of the files of a model. */
function modelPaths(path: string, externalFile: string | null): Record<Chunk['file'], string> {
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
 * Compares the files at `path` with the output of writeOnnx, byte for byte. Returns the first place that differs; null:
 * none.
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

function layOut(tensors: TensorRef[]): Map<TensorRef, number> {
  const offsets = new Map<TensorRef, number>()
  let end = 0
  for (const tensor of tensors) {
    const length = byteLength(tensor)
    if (length < EXTERNAL_FROM_BYTES) continue
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    offsets.set(tensor, offset)
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

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0
  while (done < bytes.length)
    done += writeSync(fd, bytes, done, Math.min(MAX_WRITE_BYTES, bytes.length - done), position + done)
}

/** Node refuses lengths of 2^31 and more. */
const MAX_WRITE_BYTES = 1 << 30
