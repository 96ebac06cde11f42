/**
 * RotaryEmbedding(x, cos, sin) -> RotaryEmbedding(x, Expand(cos, [batch, 1, 1]), Expand(sin, [batch, 1, 1]))
 *
 * Exporters make one table of cosines [1, tokens, half] for all windows of a batch, where the standard operator (opset
 * 23) and ONNX Runtime want [batch, tokens, half]: the graph runs for one window only. Expand repeats an axis of size 1
 * and leaves the others. With position ids (a fourth input) the tables are indexed, and fit any batch.
 */
import { attributesOf, makeNode, tensorProto } from '../build.ts'
import type { NodeProto } from '../generated/onnx_pb.js'
import { DATA_TYPE } from '../tensor.ts'
import type { Lowered } from './lowered.ts'

export function spreadRotary({ model: { graph } }: Lowered): void {
  graph.node = graph.node.flatMap((node) => {
    const applies = node.opType === 'RotaryEmbedding' && node.domain === '' && !node.input[3]
    return applies ? [...spread(node), node] : node
  })
}

/** The nodes to insert before a rotary embedding. The embedding is changed to read their outputs as its tables. */
function spread(node: NodeProto): NodeProto[] {
  const name = (part: string) => `${node.output[0]}/${part}`
  const [x, cos, sin] = node.input
  node.input[1] = name('cos')
  node.input[2] = name('sin')
  const ones = tensorProto({ dataType: DATA_TYPE.int64, dims: [2] }, BigInt64Array.of(1n, 1n))
  return [
    makeNode('Shape', [x], [name('batch')], { attribute: attributesOf({ start: 0, end: 1 }) }),
    makeNode('Constant', [], [name('ones')], { attribute: attributesOf({ value: { tensor: ones } }) }),
    makeNode('Concat', [name('batch'), name('ones')], [name('shape')], { attribute: attributesOf({ axis: 0 }) }),
    makeNode('Expand', [cos, name('shape')], [name('cos')]),
    makeNode('Expand', [sin, name('shape')], [name('sin')]),
  ]
}
