/**
 * A fused "add the residual, then normalise" as the two operators that it is:
 *
 *   (y, , , s) = SkipLayerNormalization(x, skip, gamma, beta, bias)        s = x + skip + bias; y =
 *   LayerNormalization(s) (y, , , s) = SkipSimplifiedLayerNormalization(x, skip, gamma, bias)    s = x + skip + bias; y
 *   = RMS norm of s
 *
 * Between two blocks the residual stream s is then the only live value, as in graphs that were never fused. Source:
 * docs/ContribOperators.md of ONNX Runtime (com.microsoft, version 1).
 */
import { attributesOf, makeNode } from '../build.ts'
import type { NodeProto } from '../generated/onnx_pb.js'
import { attribute } from '../graph.ts'
import type { Lowered } from './lowered.ts'

/** The plain norm of each fused one, and the input positions of its parameters and its bias. */
const SKIP_NORMS: Record<string, { norm: string; parameters: number[]; bias: number }> = {
  SkipLayerNormalization: { norm: 'LayerNormalization', parameters: [2, 3], bias: 4 },
  SkipSimplifiedLayerNormalization: { norm: 'SimplifiedLayerNormalization', parameters: [2], bias: 3 },
}

/** The default of the fused operators; that of the plain ones is 1e-5. */
const EPSILON = 1e-12

/** The positions of two outputs: the norm, and the sum before it. The two outputs between them are for training. */
const OUTPUT = { norm: 0, sum: 3 } as const

export function splitSkipNorms({ model: { graph } }: Lowered): void {
  graph.node = graph.node.flatMap(splitSkipNorm)
}

/** The plain operators of a fused node; any other node unchanged. */
export function splitSkipNorm(node: NodeProto): NodeProto[] {
  const split = SKIP_NORMS[node.opType]
  if (split === undefined || node.domain !== 'com.microsoft') return [node]
  if (node.output.slice(OUTPUT.norm + 1, OUTPUT.sum).some((name) => name !== '')) return [node]
  return splitOne(node, split)
}

function splitOne(node: NodeProto, { norm, parameters, bias }: (typeof SKIP_NORMS)[string]): NodeProto[] {
  const [x, skip] = node.input
  const sum = node.output[OUTPUT.sum] || `${node.output[OUTPUT.norm]}/sum`
  const unbiased = node.input[bias] ? `${sum}/unbiased` : sum
  const nodes = [makeNode('Add', [x, skip], [unbiased], { name: `${node.name}/Add` })]
  if (node.input[bias]) nodes.push(makeNode('Add', [unbiased, node.input[bias]], [sum], { name: `${node.name}/Bias` }))
  const read = parameters.map((slot) => node.input[slot] ?? '')
  while (read.at(-1) === '') read.pop()
  const epsilon = attribute(node, 'epsilon')?.f ?? EPSILON
  nodes.push(
    makeNode(norm, [sum, ...read], [node.output[OUTPUT.norm]], {
      name: `${node.name}/${norm}`,
      attribute: attributesOf({ axis: -1, epsilon: { float: epsilon }, stash_type: 1 }),
    }),
  )
  return nodes
}
