/**
 * A part of a cut decoder as a model of its own, in canonical form: values are renamed in the order in which a walk
 * from the outputs meets them, and large tensors become inputs. Two blocks whose canonical bytes are equal are alike,
 * constants included, and share one session; their weights are fed.
 */

import { createHash } from 'node:crypto'
import { clone, create, toBinary } from '@bufbuild/protobuf'
import { valueInfo } from '../../onnx/build.ts'
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
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
  const own = new Set(nodes)
  const names = new Map<string, string>()
  const weights = new Map<string, string>()
  const values = new Map<string, string>()
  const inputs: ValueInfoProto[] = []
  const constants: TensorRef[] = []
  const body: NodeProto[] = []
  const placed = new Set<number>()

  const leaf = (value: string): void => {
    if (names.has(value)) return
    const tensor = index.initializers.get(value)
    if (tensor === undefined) {
      const name = `x${values.size}`
      names.set(value, name)
      values.set(value, name)
      inputs.push(valueInfo(name, typeOf(value)))
    } else if (isFed(tensor)) {
      const name = `w${weights.size}`
      names.set(value, name)
      weights.set(value, name)
      inputs.push(valueInfo(name, tensor))
    } else {
      const name = `c${constants.length}`
      names.set(value, name)
      constants.push({ ...tensor, name })
    }
  }

  const visit = (value: string): void => {
    const maker = index.maker(value)
    if (maker === undefined || !(own.has(maker) || index.isConstantNode(maker))) {
      leaf(value)
      return
    }
    if (placed.has(maker)) return
    placed.add(maker)
    const node = clone(NodeProtoSchema, index.nodes[maker])
    node.$unknown = undefined // exporters write into these fields the line of source from which the node comes
    node.attribute.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const input of node.input) if (input !== '') visit(input)
    node.name = `n${body.length}`
    node.input = node.input.map((input) => (input === '' ? '' : nameOf(input)))
    node.output = node.output.map((output, k) => {
      if (output === '') return ''
      names.set(output, `v${body.length}_${k}`)
      return nameOf(output)
    })
    body.push(node)
  }

  const nameOf = (value: string): string => {
    const name = names.get(value)
    if (name === undefined) throw new Error(`value "${value}" is not in this part`)
    return name
  }

  for (const value of wanted) visit(value)
  const outputs = new Map(wanted.map((value) => [value, nameOf(value)]))
  const proto = create(ModelProtoSchema, {
    irVersion: model.proto.irVersion,
    opsetImport: model.proto.opsetImport,
    graph: {
      name: 'part',
      node: body,
      initializer: constants.map((tensor) =>
        create(TensorProtoSchema, {
          name: tensor.name,
          dims: tensor.dims.map(BigInt),
          dataType: tensor.dataType,
          rawData: tensorBytes(tensor),
        }),
      ),
      input: inputs,
      output: [...outputs.values()].map((name) => create(ValueInfoProtoSchema, { name })),
    },
  })
  const key = createHash('sha256').update(toBinary(ModelProtoSchema, proto)).digest('hex')
  return { proto, key, weights, values, outputs, inside: nameOf, holds: (value) => names.has(value) }
}

/** Whether an input of a part's model is a tensor that is fed, by its canonical name. */
export function isWeightName(name: string): boolean {
  return /^w\d+$/.test(name)
}

/** Whether a tensor is fed: float vectors and matrices are, and any other large tensor. */
function isFed(tensor: TensorRef): boolean {
  return (isFloating(tensor.dataType) && tensor.dims.length > 0) || byteLength(tensor) > INLINE_BYTES
}
