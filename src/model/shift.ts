/** A part in which some layers give something more than their product: a vector added to every row of it. */
import { clone } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema } from '../onnx/generated/onnx_pb.js'
import { makeNode } from '../onnx/graph.ts'
import { DATA_TYPE } from '../onnx/tensor.ts'
import { type PartModel, valueInfo } from './part.ts'

/** By the value in the whole graph that a layer's product is: what is added to it, [rows]. */
export type Shifts = ReadonlyMap<string, Float32Array>

/** The input that a shift is fed by, from the canonical name of the value. */
export function shiftName(value: string): string {
  return `${value}_shift`
}

/** @param values - canonical names */
export function shiftedKey({ key }: PartModel, values: readonly string[]): string {
  return values.length === 0 ? key : `shifted:${values}:${key}`
}

/** @param values - canonical names */
export function shiftedModel({ proto }: PartModel, values: readonly string[]): ModelProto {
  if (values.length === 0) return proto
  const shifted = clone(ModelProtoSchema, proto)
  const { graph } = shifted
  if (graph === undefined) throw new Error('a part without a graph')
  graph.node = graph.node.flatMap((node) => {
    const [value] = node.output
    if (!values.includes(value)) return node
    const product = `${value}_product`
    node.output[0] = product
    return [node, makeNode('Add', [product, shiftName(value)], [value], { name: shiftName(value) })]
  })
  for (const value of values) graph.input.push(valueInfo(shiftName(value), { dataType: DATA_TYPE.float, dims: [null] }))
  return shifted
}
