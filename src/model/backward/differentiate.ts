/** A model followed by its backward pass: its inputs are cotangents of some values, its outputs gradients of others. */
import { clone } from '@bufbuild/protobuf'
import { valueInfo } from '../../onnx/build.ts'
import { type ModelProto, ModelProtoSchema, type NodeProto } from '../../onnx/generated/onnx_pb.js'
import { BACKWARD_OPSET, backwardPass } from '../../onnx/gradient/backward.ts'
import type { Observed } from '../../onnx/gradient/tape.ts'
import { DATA_TYPE } from '../../onnx/tensor.ts'

/** The prefix of a value's name that gives the input for its cotangent. */
const COTANGENT = 'cotangent/'

export interface Differentiated {
  /**
   * The model. It takes the inputs of the original and the cotangents, and gives the gradients and the kept outputs.
   */
  proto: ModelProto
  /** Name of the input for the cotangent, by value. */
  cotangents: Map<string, string>
  /** Name of the output with the gradient, by wanted value. If the given values do not depend on it, it has none. */
  gradients: Map<string, string>
}

/**
 * @param given - values whose cotangents will be fed
 * @param wanted - values whose gradients are asked for
 * @param kept - further outputs of the model that are asked for; nodes that serve no output are left out
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export function differentiate(
  model: ModelProto,
  observed: Observed,
  { given, wanted, kept }: Record<'given' | 'wanted' | 'kept', readonly string[]>,
): Differentiated {
  const proto = clone(ModelProtoSchema, model)
  const { graph } = proto
  if (graph === undefined) throw new Error('a model without a graph')
  const cotangents = new Map(given.map((value) => [value, `${COTANGENT}${value}`]))
  const { nodes, constants, gradients } = backwardPass(graph, observed, cotangents, wanted)
  const outputs = [...new Set([...gradients.values(), ...kept])]
  graph.node = live([...graph.node, ...nodes], outputs)
  graph.initializer.push(...constants)
  for (const [value, name] of cotangents)
    graph.input.push(valueInfo(name, { dataType: DATA_TYPE.float, dims: observed.shapes.get(value) ?? [] }))
  graph.output = outputs.map((name) => valueInfo(name))
  for (const opset of proto.opsetImport) {
    const standard = opset.domain === '' || opset.domain === 'ai.onnx'
    if (standard && Number(opset.version) < BACKWARD_OPSET) opset.version = BigInt(BACKWARD_OPSET)
  }
  return { proto, cotangents, gradients }
}

/** The nodes that the outputs need, in order. The others are left out, since ONNX Runtime would run them as well. */
function live(nodes: readonly NodeProto[], outputs: readonly string[]): NodeProto[] {
  const needed = new Set(outputs)
  const found = nodes.toReversed().filter(({ input, output }) => {
    const serves = output.some((value) => needed.has(value))
    if (serves) for (const value of input) needed.add(value)
    return serves
  })
  return found.reverse()
}
