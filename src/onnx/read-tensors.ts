/** Reads tensors of a file by reference: descriptions are parsed, and bytes are skipped unless they are few. */
import { isAbsolute, normalize } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { InputError } from '../base/errors.ts'
import { externalPath } from './external-data.ts'
import { assertFieldsKnown, assertTensorFields, EXTERNAL } from './fields.ts'
import {
  AttributeProtoSchema,
  SparseTensorProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './generated/onnx_pb.js'
import { inlineData, sizes, toTensorRef } from './inline-tensor.ts'
import { DATA_TYPE, elementBytes, elementCount, isFloating, type TensorBytes, type TensorRef } from './tensor.ts'
import { malformedGraph } from './well-formed.ts'
import { type Field, WIRE, type WireFile } from './wire-file.ts'

/** Initializers of at most this many bytes are kept in memory: shapes, axes and scalars that passes look at. */
const SMALL_TENSOR_BYTES = 1024
/** The largest dense form of a sparse tensor: protobuf's limit for a file with its weights inside. */
const MAX_SPARSE_BYTES = 2 ** 31
/** Field numbers of onnx.proto. */
const FIELD = {
  sparseValues: 1,
  sparseIndices: 2,
  attributeName: 1,
  attributeTensor: 5,
  tensorDataType: 2,
  floatData: 4,
  rawData: 9,
} as const

export class TensorReader {
  /** Files beside the model, and the number of bytes that are read of each. */
  readonly externalFiles = new Map<string, number>()
  private readonly file: WireFile

  constructor(file: WireFile) {
    this.file = file
  }

  /** The floating numbers in an attribute of a Constant node; a sparse tensor is refused with the node. */
  constantTensor({ payload, end }: Field): TensorRef | undefined {
    const contents = [...this.file.fields(payload, end)].filter(({ wire }) => wire === WIRE.bytes)
    const called = contents.find(({ number }) => number === FIELD.attributeName)
    const kind = called && this.file.text(called)
    if (kind === 'value_floats') {
      const { floats } = fromBinary(AttributeProtoSchema, this.file.read(payload, end))
      const bytes = new Uint8Array(Float32Array.from(floats).buffer)
      return { name: '', dims: [floats.length], dataType: DATA_TYPE.float, data: { kind: 'memory', bytes } }
    }
    const content = contents.find(({ number }) => number === FIELD.attributeTensor)
    if (kind !== 'value' || content === undefined || !isFloating(this.dataType(content))) return undefined
    return this.initializer(content)
  }

  /** The element type of a TensorProto. */
  private dataType({ payload, end }: Field): number {
    for (const { number, wire, payload: at } of this.file.fields(payload, end))
      if (number === FIELD.tensorDataType && wire === WIRE.varint) return this.file.varint(at)[0]
    return 0
  }

  /** One initializer: its description parsed, its bytes by reference unless they are few. */
  initializer(field: Field): TensorRef {
    const rest: Uint8Array[] = []
    let bytes: TensorBytes | undefined
    for (const inner of this.file.fields(field.payload, field.end)) {
      const bulky = inner.number === FIELD.rawData || inner.number === FIELD.floatData
      const length = inner.end - inner.payload
      if (bulky && inner.wire === WIRE.bytes && length > SMALL_TENSOR_BYTES) {
        if (bytes) throw new Error(`a tensor with two stretches of data at byte ${inner.start}`)
        bytes = { kind: 'file', path: this.file.path, offset: inner.payload, length }
      } else rest.push(this.file.read(inner.start, inner.end))
    }
    const tensor = fromBinary(TensorProtoSchema, Buffer.concat(rest))
    assertTensorFields(tensor, this.file.path)
    const where = [bytes, this.external(tensor), inlineData(tensor)].filter((place) => place !== undefined)
    if (where.length > 1) throw malformedGraph(this.file.path, `the tensor "${tensor.name}" has its data twice`)
    return toTensorRef(tensor, where[0] ?? { kind: 'memory', bytes: new Uint8Array() })
  }

  /** A sparse initializer: a dense tensor whose bytes are made of values and places. */
  sparse({ payload, end }: Field): TensorRef {
    const rest: Uint8Array[] = []
    let [values, indices]: (TensorRef | undefined)[] = []
    for (const field of this.file.fields(payload, end)) {
      if (field.number === FIELD.sparseValues) values = this.initializer(field)
      else if (field.number === FIELD.sparseIndices) indices = this.initializer(field)
      else rest.push(this.file.read(field.start, field.end))
    }
    const message = fromBinary(SparseTensorProtoSchema, Buffer.concat(rest))
    if (values === undefined || indices === undefined) throw new Error('a sparse tensor without values or places')
    const { name, dataType } = values
    assertFieldsKnown('SparseTensorProto', message, this.file.path, `the sparse tensor "${name}"`)
    const dims = sizes(message.dims, name)
    if (elementCount(dims) * elementBytes(dataType, name) > MAX_SPARSE_BYTES)
      throw malformedGraph(this.file.path, `the sparse tensor "${name}" would be too large as a dense one: [${dims}]`)
    const [count, rank = 1] = indices.dims
    const isPlaced = indices.dims.length === 1 || (indices.dims.length === 2 && rank === dims.length)
    if (indices.dataType !== DATA_TYPE.int64 || !isPlaced || values.dims.length !== 1 || count !== values.dims[0])
      throw malformedGraph(
        this.file.path,
        `the sparse tensor "${name}" has ${values.dims} values and places [${indices.dims}]`,
      )
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
        what: `tensor "${tensor.name}" of ${this.file.path} lies in "${location}", outside the model's directory`,
        hint: 'Export the model so that its weights lie beside model.onnx.',
      })
    }
    const whole = elementCount(sizes(tensor.dims, tensor.name)) * elementBytes(tensor.dataType, tensor.name)
    const [offset, length] = [Number(entries.get('offset') ?? 0), Number(entries.get('length') ?? whole)]
    if (![offset, length, offset + length].every((bytes) => Number.isSafeInteger(bytes) && bytes >= 0))
      throw malformedGraph(
        this.file.path,
        `tensor "${tensor.name}" lies at byte ${entries.get('offset')} of ${location}`,
      )
    this.externalFiles.set(clean, Math.max(this.externalFiles.get(clean) ?? 0, offset + length))
    return { kind: 'file', path: externalPath(this.file.path, clean), offset, length }
  }
}
