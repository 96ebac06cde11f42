/** Builds the protobuf messages of a graph from plain values. */
import { create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.js'

/**
 * An input or output: its element type, and its sizes, each a number or null where runs may differ in it. Without a
 * type ONNX Runtime infers it.
 */
export function valueInfo(name: string, type?: { dataType: number; dims: readonly (number | null)[] }): ValueInfoProto {
  if (type === undefined) return create(ValueInfoProtoSchema, { name })
  const dim = type.dims.map((size, axis) =>
    size === null
      ? { value: { case: 'dimParam' as const, value: `${name}_${axis}` } }
      : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  )
  return create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType: type.dataType, shape: { dim } } } })
}

export function makeNode(
  opType: string,
  input: string[],
  output: string[],
  fields: Partial<Pick<NodeProto, 'name' | 'domain' | 'attribute'>> = {},
): NodeProto {
  return create(NodeProtoSchema, { opType, input, output, ...fields })
}

type Integer = number | bigint

/** The value of an attribute: an integer, a list of integers or a word. All other kinds carry their type. */
type AttributeValue =
  | Integer
  | readonly Integer[]
  | string
  | { float: number }
  | { floats: Iterable<number> }
  | { tensor: TensorProto }
  | { graph: GraphProto }

export type Attributes = Record<string, AttributeValue>

/** AttributeProto.type. */
const TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const

/** The attributes of a node, by name. */
export function attributesOf(values: Attributes): AttributeProto[] {
  return Object.entries(values).map(([name, value]) => create(AttributeProtoSchema, { name, ...contentOf(value) }))
}

function contentOf(value: AttributeValue) {
  if (typeof value === 'number' || typeof value === 'bigint') return { type: TYPE.int, i: BigInt(value) }
  if (typeof value === 'string') return { type: TYPE.string, s: new TextEncoder().encode(value) }
  if ('float' in value) return { type: TYPE.float, f: value.float }
  if ('floats' in value) return { type: TYPE.floats, floats: [...value.floats] }
  if ('tensor' in value) return { type: TYPE.tensor, t: value.tensor }
  if ('graph' in value) return { type: TYPE.graph, g: value.graph }
  return { type: TYPE.ints, ints: value.map(BigInt) }
}

/** A tensor that holds its numbers. @param content - little-endian and row-major; its memory is shared */
export function tensorProto(
  { name, dataType, dims }: { name?: string; dataType: number; dims: readonly number[] },
  { buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
): TensorProto {
  const rawData = new Uint8Array(buffer, byteOffset, byteLength)
  return create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData })
}

/** A node of one output, named after it. */
export function nodeMaking(output: string, opType: string, input: string[], attributes: Attributes = {}): NodeProto {
  return makeNode(opType, input, [output], { name: output, attribute: attributesOf(attributes) })
}
