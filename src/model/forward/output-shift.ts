/** A part in which some layers add a vector to every row of their product. */
import { clone } from '@bufbuild/protobuf'
import { makeNode, valueInfo } from '../../onnx/build.ts'
import { ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import type { PartModel } from '../graph/part.ts'

/** The vector to add, [rows], by the name of a layer's product in the whole graph. */
export type Shifts = ReadonlyMap<string, Float32Array>

/** The name of a shift among the weights of a part. */
function shiftName(value: string): string {
  return `${value}/shift`
}

/** The part's model, with the vectors for these values as further weights: see `shiftTensors`. */
export function shiftedModel(model: PartModel, values: readonly string[]): PartModel {
  const proto = clone(ModelProtoSchema, model.proto)
  const { graph } = proto
  if (graph === undefined) throw new Error('a part without a graph')
  const weights = new Map(model.weights)
  const inside = new Map(values.map((value) => [model.inside(value), shiftName(value)]))
  graph.node = graph.node.flatMap((node) => {
    const [value] = node.output
    const shift = inside.get(value)
    if (shift === undefined) return node
    const [product, input] = [`${value}_product`, `${value}_shift`]
    weights.set(shift, input)
    graph.input.push(valueInfo(input, { dataType: DATA_TYPE.float, dims: [null] }))
    node.output[0] = product
    return [node, makeNode('Add', [product, input], [value], { name: input })]
  })
  return { ...model, proto, weights, key: `shifted:${[...inside.keys()]}:${model.key}` }
}

export function shiftTensors(shifts: Shifts): [name: string, tensor: ort.Tensor][] {
  return [...shifts].map(([value, shift]) => [shiftName(value), new ort.Tensor(shift, [shift.length])])
}
