/**
 * A part of a cut decoder as a model of its own, in canonical form: values are renamed in the order in which a walk
 * from the outputs meets them, and large tensors become inputs. Two blocks whose canonical bytes are equal are alike,
 * constants included, and share one session; their weights are fed.
 */

import { createHash } from 'node:crypto'
import { clone, create, toBinary } from '@bufbuild/protobuf'
import { tensorProto, valueInfo } from '../../onnx/build.ts'
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  type ValueInfoProto,
} from '../../onnx/generated/onnx_pb.js'
import type { GraphIndex } from '../../onnx/graph.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { byteLength, isFloating, type TensorRef, tensorBytes } from '../../onnx/tensor.ts'

/** Constants up to this size stay inside the session, unless they are float vectors: shapes, axes, scalars. */
const INLINE_BYTES = 1024

export interface ValueType {
  dataType: number
  /** The sizes; null where a size differs from run to run. */
  dims: (number | null)[]
}

/** A canonical model, and the names of the whole graph behind its canonical names. */
export interface PartModel {
  proto: ModelProto
  /** SHA-256 of the canonical bytes, hex: equal for parts that are alike. */
  key: string
  /** Canonical input name of each tensor that is fed, by the name of its initializer. */
  weights: Map<string, string>
  /** Canonical input name of each value that comes from elsewhere: the stream, graph inputs, earlier parts. */
  values: Map<string, string>
  /** Canonical output name of each wanted value. */
  outputs: Map<string, string>
  /** Canonical name of any value inside. Throws an Error for a value that is not. */
  inside(value: string): string
  /** Whether a value is inside, or is an input. */
  holds(value: string): boolean
}

/**
 * Makes the model of a part.
 * @param wanted - values of the whole graph that the part gives
 * @param typeOf - type of a value that comes from elsewhere
 */
export function partModel(
  model: OnnxModel,
  index: GraphIndex,
  nodes: readonly number[],
  wanted: readonly string[],
  typeOf: (value: string) => ValueType,
): PartModel {
  const part = new CanonicalPart(index, new Set(nodes), typeOf)
  for (const value of wanted) part.visit(value)
  const outputs = new Map(wanted.map((value) => [value, part.nameOf(value)]))
  const { irVersion, opsetImport } = model.proto
  const graph = part.graph([...outputs.values()])
  const proto = create(ModelProtoSchema, { irVersion, opsetImport, graph })
  const key = createHash('sha256').update(toBinary(ModelProtoSchema, proto)).digest('hex')
  const { weights, values } = part
  return {
    ...{ proto, key, weights, values, outputs },
    inside: (value) => part.nameOf(value),
    holds: (value) => part.holds(value),
  }
}

/** Gathers a part from its outputs backwards, and names what it meets. */
class CanonicalPart {
  readonly weights = new Map<string, string>()
  readonly values = new Map<string, string>()
  private readonly index: GraphIndex
  private readonly own: ReadonlySet<number>
  private readonly typeOf: (value: string) => ValueType
  private readonly names = new Map<string, string>()
  private readonly inputs: ValueInfoProto[] = []
  private readonly constants: TensorProto[] = []
  private readonly body: NodeProto[] = []
  private readonly placed = new Set<number>()

  /** @param own - nodes of the part; constant ones are taken along */
  constructor(index: GraphIndex, own: ReadonlySet<number>, typeOf: (value: string) => ValueType) {
    this.index = index
    this.own = own
    this.typeOf = typeOf
  }

  holds(value: string): boolean {
    return this.names.has(value)
  }

  nameOf(value: string): string {
    const name = this.names.get(value)
    if (name === undefined) throw new Error(`value "${value}" is not in this part`)
    return name
  }

  /** Takes a value, and all that it is made of, unless it is there already. */
  visit(value: string): void {
    const maker = this.index.maker(value)
    if (maker === undefined || !(this.own.has(maker) || this.index.isConstantNode(maker))) this.leaf(value)
    else if (!this.placed.has(maker)) this.place(maker)
  }

  private place(maker: number): void {
    this.placed.add(maker)
    const node = clone(NodeProtoSchema, this.index.nodes[maker])
    node.$unknown = undefined // exporters write into these fields the line of source from which the node comes
    node.attribute.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const input of node.input) if (input !== '') this.visit(input)
    const at = this.body.length
    node.name = `n${at}`
    node.input = node.input.map((input) => (input === '' ? '' : this.nameOf(input)))
    node.output = node.output.map((output, k) => (output === '' ? '' : this.name(output, `v${at}_${k}`)))
    this.body.push(node)
  }

  /** An input of the part, or a constant that stays in it. */
  private leaf(value: string): void {
    if (this.names.has(value)) return
    const tensor = this.index.initializers.get(value)
    if (tensor === undefined) {
      const name = this.name(value, `x${this.values.size}`)
      this.values.set(value, name)
      this.inputs.push(valueInfo(name, this.typeOf(value)))
    } else if (isFed(tensor)) {
      const name = this.name(value, `w${this.weights.size}`)
      this.weights.set(value, name)
      this.inputs.push(valueInfo(name, tensor))
    } else {
      const name = this.name(value, `c${this.constants.length}`)
      this.constants.push(tensorProto({ ...tensor, name }, tensorBytes(tensor)))
    }
  }

  private name(value: string, name: string): string {
    this.names.set(value, name)
    return name
  }

  /** @param outputs - canonical names */
  graph(outputs: readonly string[]): GraphProto {
    return create(GraphProtoSchema, {
      name: 'part',
      node: this.body,
      initializer: this.constants,
      input: this.inputs,
      output: outputs.map((name) => valueInfo(name)),
    })
  }
}

/** Whether an input of a part's model is a tensor that is fed, by its canonical name. */
export function isWeightName(name: string): boolean {
  return /^w\d+$/.test(name)
}

/** Whether a tensor is fed: float vectors and matrices are, and any other large tensor. */
function isFed(tensor: TensorRef): boolean {
  return (isFloating(tensor.dataType) && tensor.dims.length > 0) || byteLength(tensor) > INLINE_BYTES
}
