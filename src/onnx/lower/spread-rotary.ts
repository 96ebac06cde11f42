/**
 * RotaryEmbedding(x, cos, sin) -> RotaryEmbedding(x, Expand(cos, [batch, 1, 1]), Expand(sin, [batch, 1, 1]))
 *
 * Exporters make one table of cosines [1, tokens, half] for all windows of a batch, where the standard operator (opset
 * 23) and ONNX Runtime want [batch, tokens, half]: the graph runs for one window only. Expand spreads what is 1 and
 * leaves the rest. With position ids (a fourth input) the tables are indexed, and fit any batch.
 */
import { create } from '@bufbuild/protobuf'
import { AttributeProtoSchema, type NodeProto, TensorProtoSchema } from '../generated/onnx_pb.js'
import { makeNode } from '../graph.ts'
import { DATA_TYPE } from '../tensor.ts'
import type { Lowered } from './lowered.ts'

export function spreadRotary({ model: { graph } }: Lowered): void {
  graph.node = graph.node.flatMap((node) => {
    const applies = node.opType === 'RotaryEmbedding' && node.domain === '' && !node.input[3]
    return applies ? [...spread(node), node] : node
  })
}

/** The nodes to stand before a rotary embedding, whose tables are changed to what they make. */
function spread(node: NodeProto): NodeProto[] {
  const name = (part: string) => `${node.output[0]}/${part}`
  const [x, cos, sin] = node.input
  node.input[1] = name('cos')
  node.input[2] = name('sin')
  const integer = (attribute: string, i: bigint) => create(AttributeProtoSchema, { name: attribute, i, type: 2 })
  const ones = create(TensorProtoSchema, { dims: [2n], dataType: DATA_TYPE.int64, int64Data: [1n, 1n] })
  const value = create(AttributeProtoSchema, { name: 'value', t: ones, type: 4 })
  return [
    makeNode('Shape', [x], [name('batch')], { attribute: [integer('start', 0n), integer('end', 1n)] }),
    makeNode('Constant', [], [name('ones')], { attribute: [value] }),
    makeNode('Concat', [name('batch'), name('ones')], [name('shape')], { attribute: [integer('axis', 0n)] }),
    makeNode('Expand', [cos, name('shape')], [name('cos')]),
    makeNode('Expand', [sin, name('shape')], [name('sin')]),
  ]
}
