/** A model with its backward pass behind it: cotangents of some values go in, gradients of others come out. */
import { clone, create } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema, ValueInfoProtoSchema } from '../onnx/generated/onnx_pb.js'
import { BACKWARD_OPSET, backwardPass } from '../onnx/gradient/backward.ts'
import type { Observed } from '../onnx/gradient/tape.ts'
import { DATA_TYPE } from '../onnx/tensor.ts'
import { valueInfo } from './part.ts'

/** Before the name of a value: the input that holds its cotangent. */
const COTANGENT = 'cotangent/'

export interface Differentiated {
  /** Takes what the model takes, and the cotangents; gives what the model gives, and the gradients. */
  proto: ModelProto
  /** Name of the input for the cotangent, by value. */
  cotangents: Map<string, string>
  /** Name of the output with the gradient, by wanted value; what the given values do not depend on has none. */
  gradients: Map<string, string>
}

/** @throws {InputError} OPERATOR_NO_GRADIENT */
export function differentiate(
  model: ModelProto,
  observed: Observed,
  given: readonly string[],
  wanted: readonly string[],
): Differentiated {
  const proto = clone(ModelProtoSchema, model)
  const { graph } = proto
  if (graph === undefined) throw new Error('a model without a graph')
  const cotangents = new Map(given.map((value) => [value, `${COTANGENT}${value}`]))
  const { nodes, constants, gradients } = backwardPass(graph, observed, cotangents, wanted)
  graph.node.push(...nodes)
  graph.initializer.push(...constants)
  for (const [value, name] of cotangents)
    graph.input.push(valueInfo(name, { dataType: DATA_TYPE.float, dims: observed.shapes.get(value) ?? [] }))
  graph.output.push(...new Set(gradients.values()).values().map((name) => create(ValueInfoProtoSchema, { name })))
  for (const opset of proto.opsetImport) {
    const standard = opset.domain === '' || opset.domain === 'ai.onnx'
    if (standard && Number(opset.version) < BACKWARD_OPSET) opset.version = BigInt(BACKWARD_OPSET)
  }
  return { proto, cotangents, gradients }
}
