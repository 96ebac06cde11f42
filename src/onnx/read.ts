/**
 * Reads an ONNX file without reading its weights: the protobuf is walked by range, the bytes of large initializers
 * are skipped and remembered by offset, everything else is parsed. Format: onnx.proto and protobuf's wire encoding.
 */

import { closeSync, fstatSync, openSync } from 'node:fs'
import { isAbsolute, normalize } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { InputError } from '../base/errors.ts'
import { danglingLink, statOf } from '../files/linked-file.ts'
import { externalPath } from './external-data.ts'
import { assertFieldsKnown, assertGraphFields, assertModelFields, assertTensorFields, EXTERNAL } from './fields.ts'
import type { GraphProto, NodeProto, TensorProto } from './generated/onnx_pb.js'
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
} from './generated/onnx_pb.js'
import type { OnnxModel } from './model.ts'
import {
  byteLength,
  DATA_TYPE,
  dataMissing,
  elementBytes,
  elementCount,
  isFloating,
  isMatrix,
  readFully,
  type TensorBytes,
  type TensorRef,
  truncated,
} from './tensor.ts'
import { assertWellFormed, malformed } from './well-formed.ts'
import { fieldHead } from './wire.ts'

/** Initializers of at most this many bytes are kept in memory: shapes, axes and scalars that passes look at. */
const SMALL_TENSOR_BYTES = 1024
/** Of a sparse tensor made dense: what a file holds that has its weights inside, protobuf's limit. */
const MAX_SPARSE_BYTES = 2 ** 31
/** The walk reads through a window of this size: one system call for many small fields. */
const WINDOW_BYTES = 1 << 18

/** Field numbers of onnx.proto that the walk looks for. */
const FIELD = {
  modelGraph: 7,
  graphNode: 1,
  graphInitializer: 5,
  graphSparseInitializer: 15,
  sparseValues: 1,
  sparseIndices: 2,
  nodeOutput: 2,
  nodeOpType: 4,
  nodeAttribute: 5,
  attributeName: 1,
  attributeTensor: 5,
  attributeGraph: 6,
  tensorDataType: 2,
  floatData: 4,
  rawData: 9,
} as const
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/**
 * @throws {InputError} MODEL_MISSING, MODEL_UNREADABLE, MODEL_FIELD, MODEL_FUNCTIONS, MODEL_GRAPH, MODEL_TENSOR_SIZE,
 * MODEL_DATA_PATH, MODEL_DATA_MISSING, MODEL_TRUNCATED, TENSOR_TYPE
 */
export function readOnnx(path: string): OnnxModel {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    throw new InputError({
      code: 'MODEL_MISSING',
      what: `${path} cannot be read`,
      hint: 'Give --model a directory with config.json, tokenizer.json and model.onnx.',
      cause,
    })
  }
  try {
    return new Walk(fd, path).model()
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError({
      code: 'MODEL_UNREADABLE',
      what: `${path} is not a readable ONNX file (${error instanceof Error ? error.message : error})`,
      hint: 'Export or copy the model again.',
      cause: error,
    })
  } finally {
    closeSync(fd)
  }
}

interface Field {
  number: number
  wire: number
  /** Where the field's tag starts, where its payload starts, and where it ends. */
  start: number
  payload: number
  end: number
}

class Walk {
  private readonly fd: number
  private readonly path: string
  private readonly size: number
  private window = new Uint8Array(0)
  private windowStart = 0
  /** Files beside the model, and how many bytes of each are read. */
  private readonly externalFiles = new Map<string, number>()
  private readonly subgraphs = new Map<GraphProto, Map<string, TensorRef>>()

  constructor(fd: number, path: string) {
    this.fd = fd
    this.path = path
    this.size = fstatSync(fd).size
  }

  model(): OnnxModel {
    const rest: Uint8Array[] = []
    let found: { graph: GraphProto; initializers: Map<string, TensorRef> } | undefined
    for (const field of this.fields(0, this.size)) {
      if (field.number !== FIELD.modelGraph) rest.push(this.read(field.start, field.end))
      else if (found === undefined) found = this.graph(field)
      else throw new Error('it holds two graphs')
    }
    if (found === undefined) throw new Error('it holds no graph')
    const proto = fromBinary(ModelProtoSchema, Buffer.concat(rest))
    assertModelFields(proto, this.path)
    const { path, subgraphs } = this
    const model = { path, proto, ...found, subgraphs, externalFiles: [...this.externalFiles.keys()] }
    assertWellFormed(model)
    for (const [name, end] of this.externalFiles) assertHolds(externalPath(path, name), end)
    return model
  }

  private graph({ payload, end }: Field): { graph: GraphProto; initializers: Map<string, TensorRef> } {
    const rest: Uint8Array[] = []
    const nodes: NodeProto[] = []
    const initializers = new Map<string, TensorRef>()
    for (const field of this.fields(payload, end)) {
      if (field.wire !== WIRE.bytes) rest.push(this.read(field.start, field.end))
      else if (field.number === FIELD.graphNode) {
        const weight = this.constantWeight(field)
        if (weight === undefined) nodes.push(this.node(field))
        else this.add(initializers, weight)
      } else if (field.number === FIELD.graphInitializer) this.add(initializers, this.initializer(field))
      else if (field.number === FIELD.graphSparseInitializer) this.add(initializers, this.sparse(field))
      else rest.push(this.read(field.start, field.end))
    }
    const graph = fromBinary(GraphProtoSchema, Buffer.concat(rest))
    graph.node = nodes
    assertGraphFields(graph, this.path)
    return { graph, initializers }
  }

  /** The weight that a Constant node holds, by reference like an initializer; undefined for any other node. */
  private constantWeight({ payload, end }: Field): TensorRef | undefined {
    const fields = [...this.fields(payload, end)]
    const text = (number: number) => {
      const field = fields.find((each) => each.number === number && each.wire === WIRE.bytes)
      return field && this.text(field)
    }
    if (text(FIELD.nodeOpType) !== 'Constant') return undefined
    const name = text(FIELD.nodeOutput) ?? ''
    for (const attribute of fields.filter((each) => each.number === FIELD.nodeAttribute && each.wire === WIRE.bytes)) {
      const tensor = this.constantTensor(attribute)
      if (tensor !== undefined && isWeight(tensor)) return { ...tensor, name }
    }
    return undefined
  }

  /** What an attribute of a Constant node holds, if it is floating numbers; a sparse one is refused with the node. */
  private constantTensor({ payload, end }: Field): TensorRef | undefined {
    const contents = [...this.fields(payload, end)].filter(({ wire }) => wire === WIRE.bytes)
    const called = contents.find(({ number }) => number === FIELD.attributeName)
    const kind = called && this.text(called)
    if (kind === 'value_floats') {
      const { floats } = fromBinary(AttributeProtoSchema, this.read(payload, end))
      const bytes = new Uint8Array(Float32Array.from(floats).buffer)
      return { name: '', dims: [floats.length], dataType: DATA_TYPE.float, data: { kind: 'memory', bytes } }
    }
    const content = contents.find(({ number }) => number === FIELD.attributeTensor)
    if (kind !== 'value' || content === undefined || !isFloating(this.dataType(content))) return undefined
    return this.initializer(content)
  }

  private text({ payload, end }: Field): string {
    return Buffer.from(this.read(payload, end)).toString()
  }

  /** The element type of a TensorProto. */
  private dataType({ payload, end }: Field): number {
    for (const { number, wire, payload: at } of this.fields(payload, end))
      if (number === FIELD.tensorDataType && wire === WIRE.varint) return this.varint(at)[0]
    return 0
  }

  private add(initializers: Map<string, TensorRef>, tensor: TensorRef): void {
    if (tensor.name === '') throw malformed(this.path, `an initializer [${tensor.dims}] has no name`)
    if (initializers.has(tensor.name)) throw malformed(this.path, `there are two initializers "${tensor.name}"`)
    initializers.set(tensor.name, tensor)
  }

  /** A node; graphs in its attributes are walked like the model's own. */
  private node({ payload, end }: Field): NodeProto {
    const rest: Uint8Array[] = []
    const graphs = new Map<number, GraphProto>()
    let attributes = 0
    for (const field of this.fields(payload, end)) {
      const parts =
        field.number === FIELD.nodeAttribute && field.wire === WIRE.bytes ? this.attribute(field) : undefined
      if (field.number === FIELD.nodeAttribute) attributes++
      if (parts === undefined) rest.push(this.read(field.start, field.end))
      else {
        const bytes = Buffer.concat(parts.rest)
        rest.push(fieldHead(FIELD.nodeAttribute, bytes.length), bytes)
        graphs.set(attributes - 1, parts.graph)
      }
    }
    const node = fromBinary(NodeProtoSchema, Buffer.concat(rest))
    for (const [at, graph] of graphs) node.attribute[at].g = graph
    return node
  }

  /** The graph of an attribute and the attribute's other fields, or undefined if it holds none. */
  private attribute({ payload, end }: Field): { graph: GraphProto; rest: Uint8Array[] } | undefined {
    const fields = [...this.fields(payload, end)]
    const [holder, second] = fields.filter(({ number, wire }) => number === FIELD.attributeGraph && wire === WIRE.bytes)
    if (holder === undefined) return undefined
    if (second) throw new Error(`an attribute with two graphs at byte ${second.start}`)
    const { graph, initializers } = this.graph(holder)
    this.subgraphs.set(graph, initializers)
    return { graph, rest: fields.filter((field) => field !== holder).map(({ start, end }) => this.read(start, end)) }
  }

  /** One initializer: its description parsed, its bytes by reference unless they are few. */
  private initializer(field: Field): TensorRef {
    const rest: Uint8Array[] = []
    let bytes: TensorBytes | undefined
    for (const inner of this.fields(field.payload, field.end)) {
      const bulky = inner.number === FIELD.rawData || inner.number === FIELD.floatData
      const length = inner.end - inner.payload
      if (bulky && inner.wire === WIRE.bytes && length > SMALL_TENSOR_BYTES) {
        if (bytes) throw new Error(`a tensor with two stretches of data at byte ${inner.start}`)
        bytes = { kind: 'file', path: this.path, offset: inner.payload, length }
      } else rest.push(this.read(inner.start, inner.end))
    }
    const tensor = fromBinary(TensorProtoSchema, Buffer.concat(rest))
    assertTensorFields(tensor, this.path)
    const where = [bytes, this.external(tensor), inlineData(tensor)].filter((place) => place !== undefined)
    if (where.length > 1) throw malformed(this.path, `the tensor "${tensor.name}" has its data twice`)
    return toTensorRef(tensor, where[0] ?? { kind: 'memory', bytes: new Uint8Array() })
  }

  /** A sparse initializer: a dense tensor whose bytes are made of values and places. */
  private sparse({ payload, end }: Field): TensorRef {
    const rest: Uint8Array[] = []
    let [values, indices]: (TensorRef | undefined)[] = []
    for (const field of this.fields(payload, end)) {
      if (field.number === FIELD.sparseValues) values = this.initializer(field)
      else if (field.number === FIELD.sparseIndices) indices = this.initializer(field)
      else rest.push(this.read(field.start, field.end))
    }
    const message = fromBinary(SparseTensorProtoSchema, Buffer.concat(rest))
    if (values === undefined || indices === undefined) throw new Error('a sparse tensor without values or places')
    const { name, dataType } = values
    assertFieldsKnown('SparseTensorProto', message, this.path, `the sparse tensor "${name}"`)
    const dims = sizes(message.dims, name)
    if (elementCount(dims) * elementBytes(dataType, name) > MAX_SPARSE_BYTES)
      throw malformed(this.path, `the sparse tensor "${name}" would be too large as a dense one: [${dims}]`)
    const [count, rank = 1] = indices.dims
    const isPlaced = indices.dims.length === 1 || (indices.dims.length === 2 && rank === dims.length)
    if (indices.dataType !== DATA_TYPE.int64 || !isPlaced || values.dims.length !== 1 || count !== values.dims[0])
      throw malformed(this.path, `the sparse tensor "${name}" has ${values.dims} values and places [${indices.dims}]`)
    return { name, dims, dataType, data: { kind: 'sparse', values, indices } }
  }

  private external(tensor: TensorProto): TensorBytes | undefined {
    if (tensor.dataLocation !== EXTERNAL) return undefined
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
    const location = entries.get('location') ?? ''
    const clean = normalize(location)
    if (location === '' || isAbsolute(clean) || clean.startsWith('..')) {
      throw new InputError({
        code: 'MODEL_DATA_PATH',
        what: `tensor "${tensor.name}" of ${this.path} lies in "${location}", outside the model's directory`,
        hint: 'Export the model so that its weights lie beside model.onnx.',
      })
    }
    const whole = elementCount(sizes(tensor.dims, tensor.name)) * elementBytes(tensor.dataType, tensor.name)
    const [offset, length] = [Number(entries.get('offset') ?? 0), Number(entries.get('length') ?? whole)]
    if (![offset, length, offset + length].every((bytes) => Number.isSafeInteger(bytes) && bytes >= 0))
      throw malformed(this.path, `tensor "${tensor.name}" lies at byte ${entries.get('offset')} of ${location}`)
    this.externalFiles.set(clean, Math.max(this.externalFiles.get(clean) ?? 0, offset + length))
    return { kind: 'file', path: externalPath(this.path, clean), offset, length }
  }

  private *fields(start: number, end: number): Generator<Field> {
    let at = start
    while (at < end) {
      const begin = at
      const [tag, payload] = this.varint(at)
      const wire = tag % 8
      let next = payload
      let content = payload
      if (wire === WIRE.varint) next = this.varint(payload)[1]
      else if (wire === WIRE.fixed64) next = payload + 8
      else if (wire === WIRE.fixed32) next = payload + 4
      else if (wire === WIRE.bytes) {
        const [length, from] = this.varint(payload)
        content = from
        next = from + length
      } else throw new Error(`wire type ${wire} at byte ${begin}`)
      if (next > end) throw new Error(`a field at byte ${begin} runs past byte ${end}`)
      yield { number: Math.floor(tag / 8), wire, start: begin, payload: content, end: next }
      at = next
    }
  }

  /** A varint below 2^53 and the offset behind it. */
  private varint(at: number): [value: number, next: number] {
    let value = 0
    let scale = 1
    for (let next = at; next < at + 10; next++) {
      const byte = this.byte(next)
      value += (byte & 127) * scale
      if (byte < 128) return [value, next + 1]
      scale *= 128
    }
    throw new Error(`no varint at byte ${at}`)
  }

  private byte(at: number): number {
    if (at < this.windowStart || at >= this.windowStart + this.window.length) {
      if (at >= this.size) throw new Error(`it ends at byte ${this.size}`)
      this.window = this.read(at, Math.min(this.size, at + WINDOW_BYTES))
      this.windowStart = at
    }
    return this.window[at - this.windowStart]
  }

  private read(start: number, end: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(end - start)
    const from = start - this.windowStart
    if (from >= 0 && from + out.length <= this.window.length) out.set(this.window.subarray(from, from + out.length))
    else readFully(this.fd, this.path, start, out)
    return out
  }
}

/**
 * Vectors and matrices: what exporters keep as constants besides, such as rotary frequencies, is [1, n, 1] or a number.
 */
function isWeight({ dims }: TensorRef): boolean {
  return isMatrix(dims) || (dims.length === 1 && dims[0] > 1)
}

/** A tensor that stands in a node's attribute (Constant) or was read whole. */
export function inlineTensor(tensor: TensorProto): TensorRef {
  return toTensorRef(tensor, inlineData(tensor) ?? { kind: 'memory', bytes: new Uint8Array() })
}

function toTensorRef({ name, dims: given, dataType }: TensorProto, data: TensorBytes): TensorRef {
  const dims = sizes(given, name)
  const tensor = { name, dims, dataType, data }
  const wanted = elementCount(dims) * elementBytes(dataType, name)
  const length = byteLength(tensor)
  if (length === wanted) return tensor
  throw new InputError({
    code: 'MODEL_TENSOR_SIZE',
    what: `tensor "${name}" [${dims}] wants ${wanted} bytes and has ${length}`,
    hint: 'Export or copy the model again.',
  })
}

function sizes(dims: readonly bigint[], name: string): number[] {
  const numbers = dims.map(Number)
  if (numbers.every((size) => size >= 0) && Number.isSafeInteger(elementCount(numbers))) return numbers
  throw new InputError({
    code: 'MODEL_TENSOR_SIZE',
    what: `tensor "${name}" has the dimensions [${dims}]`,
    hint: 'Export or copy the model again.',
  })
}

/** @throws {InputError} MODEL_DATA_MISSING, MODEL_FILE_UNREADABLE, MODEL_TRUNCATED: a weights file lacks these bytes */
function assertHolds(path: string, bytes: number): void {
  const found = statOf(path)
  if (!found?.isFile()) throw danglingLink(path) ?? dataMissing(path)
  if (found.size < bytes) throw truncated(path, found.size)
}

/** Raw little-endian bytes of a tensor, whichever of ONNX's typed fields carries them; undefined if none does. */
function inlineData(tensor: TensorProto): TensorBytes | undefined {
  const { rawData, floatData, doubleData, int64Data, int32Data, uint64Data, stringData } = tensor
  if (rawData.length > 0) return { kind: 'memory', bytes: rawData }
  const of = (array: ArrayBufferView): TensorBytes => ({
    kind: 'memory',
    bytes: new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  })
  if ([floatData, doubleData, int64Data, int32Data, uint64Data, stringData].every(({ length }) => length === 0))
    return undefined
  switch (tensor.dataType) {
    case DATA_TYPE.float:
      return of(Float32Array.from(floatData))
    case DATA_TYPE.double:
      return of(Float64Array.from(doubleData))
    case DATA_TYPE.int64:
      return of(BigInt64Array.from(int64Data))
    case DATA_TYPE.int32:
      return of(Int32Array.from(int32Data))
    case DATA_TYPE.float16:
    case DATA_TYPE.bfloat16:
      return of(Uint16Array.from(int32Data))
    default:
      return of(Uint8Array.from(int32Data))
  }
}
