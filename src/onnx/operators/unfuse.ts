/**
 * Rewrites fused operators as plain ones, since only those have rules. The windows are whole and without padding, and
 * the past is empty, as in all computations here. Sizes are those of the observed run.
 */

import { clone } from '@bufbuild/protobuf'
import { makeNode } from '../build.ts'
import { type GraphProto, type ModelProto, ModelProtoSchema } from '../generated/onnx_pb.js'
import { noGradient } from '../gradient/rule.ts'
import { type Observed, Tape } from '../gradient/tape.ts'
import { intAttribute } from '../graph.ts'
import { DATA_TYPE } from '../tensor.ts'
import { inputOf, operatorOf } from './table.ts'

/** The prefix of names that are made here. */
const PREFIX = 'plain/'

/** The model without fused attention. @throws {InputError} OPERATOR_NO_GRADIENT */
export function unfuse(model: ModelProto, observed: Observed): ModelProto {
  const proto = clone(ModelProtoSchema, model)
  const { graph } = proto
  if (graph === undefined) throw new Error('a model without a graph')
  const read = new Set([...graph.node.flatMap(({ input }) => input), ...graph.output.map(({ name }) => name)])
  const tape = new Tape(observed, PREFIX)
  let written = 0
  graph.node = graph.node.flatMap((node) => {
    const unfused = operatorOf(node)?.unfused
    if (unfused === undefined) return [node]
    const [first, ...others] = node.output
    if (others.some((output) => read.has(output))) throw noGradient(node, 'something reads its keys and values')
    const result = unfused({
      tape,
      node,
      input: (name) => inputOf(node, name),
      isTruth: (value) => isTruth(graph, value),
    })
    const nodes = [...tape.nodes.slice(written), makeNode('Identity', [result], [first], { name: `${PREFIX}${first}` })]
    written = tape.nodes.length
    return nodes
  })
  graph.initializer.push(...tape.constants)
  return proto
}

export function isFused({ graph }: ModelProto): boolean {
  return graph?.node.some((node) => operatorOf(node)?.unfused !== undefined) ?? false
}

/** Whether a value's elements are true or false. Such a mask says which positions are seen, and is not added. */
function isTruth(graph: GraphProto, value: string): boolean {
  const node = graph.node.find(({ output }) => output.includes(value))
  if (node === undefined) {
    const given = graph.input.find(({ name }) => name === value)?.type?.tensorType?.elemType
    return (given ?? graph.initializer.find(({ name }) => name === value)?.dataType) === DATA_TYPE.bool
  }
  if (node.opType === 'Cast') return intAttribute(node, 'to', 0) === DATA_TYPE.bool
  if (node.opType === 'Where') return isTruth(graph, node.input[1])
  const truths = operatorOf(node)?.truths
  return truths === 'makes' || (truths === 'passes' && isTruth(graph, node.input[0]))
}
