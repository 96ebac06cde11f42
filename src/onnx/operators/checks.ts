/**
 * Refusals of operators. A graph with one that the table does not know is refused by its name: a rewrite of something
 * not understood would be a guess.
 */
import { InputError } from '../../base/errors.ts'
import { nodeName } from '../fields.ts'
import type { OnnxModel } from '../model.ts'
import { malformedGraph } from '../well-formed.ts'
import { operatorName } from './name.ts'
import { operatorOf, slotsOf } from './table.ts'

/** Operators of quantised weights: known well enough to say what to do instead. */
const QUANTISED: ReadonlySet<string> = new Set(
  `
  DequantizeLinear DynamicQuantizeLinear QuantizeLinear MatMulInteger QLinearMatMul ConvInteger QGemm QAttention QMoE
  MatMulNBits MatMulBnb4 MatMulFpQ4 GatherBlockQuantized DynamicQuantizeMatMul MatMulIntegerToFloat MatMulNBitsMlp
  MatMulNBitsQkv
`
    .trim()
    .split(/\s+/),
)

/** @throws {InputError} OPERATOR_QUANTISED with the operator's and the node's name; branches count too */
export function assertNotQuantised({ graph, subgraphs, path }: OnnxModel): void {
  for (const node of [graph, ...subgraphs.keys()].flatMap((each) => each.node)) {
    if (!QUANTISED.has(node.opType)) continue
    throw new InputError({
      code: 'OPERATOR_QUANTISED',
      what: `${path} has quantised weights (operator ${operatorName(node)}, node "${node.name}")`,
      hint: 'Pruning needs the weights themselves: export the model with float32 or fp16 weights, and quantise the pruned model.',
    })
  }
}

/** @throws {InputError} MODEL_GRAPH: a node of a known operator lacks an input; branches count too */
export function assertInputs({ graph, subgraphs, path }: OnnxModel): void {
  for (const { node: nodes } of [graph, ...subgraphs.keys()]) {
    for (const [at, node] of nodes.entries()) {
      const operator = operatorOf(node)
      if (operator === undefined || operator.stands === 'made') continue
      const missing = slotsOf(operator).findIndex(({ needed }, slot) => needed && !node.input[slot])
      if (missing === -1) continue
      const name = operatorName(node)
      throw malformedGraph(path, `the node ${nodeName(node, at)}, of operator ${name}, has no input number ${missing}`)
    }
  }
}

/** @throws {InputError} OPERATOR_UNKNOWN with the operator's and the node's name */
export function assertKnownOperators({ graph, path }: OnnxModel): void {
  for (const node of graph.node) {
    const operator = operatorOf(node)
    if (operator !== undefined && operator.stands === undefined) continue
    throw new InputError({
      code: 'OPERATOR_UNKNOWN',
      what: `${path} has the operator ${operatorName(node)} (node "${node.name}"), which is not supported`,
      hint: 'Export the model with plain ONNX operators, for example with Optimum (--task text-generation, float32).',
    })
  }
}
