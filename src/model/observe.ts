/** Adds to a block's model what pruning wants to know about the inputs of its layers. */
import { clone, create } from '@bufbuild/protobuf'
import {
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../onnx/tensor.ts'
import { valueInfo } from './part.ts'

/** `squares`: sum over tokens of x_j^2, [d]. `gram`: sum over tokens of x^T x, [d, d], added to what is fed. */
export type Observation = 'squares' | 'gram'

export interface ObservedInput {
  /** Canonical name of the value, [..., d]. */
  value: string
  width: number
}

/** Output k is `stat{k}`; for `gram`, input `acc{k}` [d, d] is added to it. The block's own outputs are dropped. */
export function observedModel(
  block: ModelProto,
  inputs: readonly ObservedInput[],
  observation: Observation,
): ModelProto {
  const proto = clone(ModelProtoSchema, block)
  const graph = proto.graph
  if (graph === undefined) throw new Error('a part without a graph')
  graph.output = []
  const constant = (name: string, values: number[]) =>
    create(TensorProtoSchema, {
      name,
      dims: [BigInt(values.length)],
      dataType: DATA_TYPE.int64,
      rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    })
  graph.initializer.push(constant('token_axis', [0]))
  for (const [k, { value, width }] of inputs.entries()) {
    graph.initializer.push(constant(`rows${k}`, [-1, width]))
    const node = (opType: string, input: string[], output: string, attributes: Record<string, number> = {}) =>
      graph.node.push(
        create(NodeProtoSchema, {
          opType,
          input,
          output: [output],
          name: output,
          attribute: Object.entries(attributes).map(([name, i]) => ({ name, i: BigInt(i), type: 2 })),
        }),
      )
    node('Reshape', [value, `rows${k}`], `x2d${k}`) // [tokens, d]
    if (observation === 'gram') {
      node('Gemm', [`x2d${k}`, `x2d${k}`, `acc${k}`], `stat${k}`, { transA: 1 }) // acc + X^T X, [d, d]
      graph.input.push(valueInfo(`acc${k}`, { dataType: DATA_TYPE.float, dims: [width, width] }))
    } else {
      node('Mul', [`x2d${k}`, `x2d${k}`], `squared${k}`)
      node('ReduceSum', [`squared${k}`, 'token_axis'], `stat${k}`, { keepdims: 0 }) // [d]
    }
    graph.output.push(create(ValueInfoProtoSchema, { name: `stat${k}` }))
  }
  return proto
}
