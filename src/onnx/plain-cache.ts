/**
 * GroupQueryAttention(sliding_window_cache=1) -> without: newer graphs of models with a sliding window keep the past of
 * a block in a ring of at least local_window_size positions, which may not be empty. Without a past the ring makes no
 * difference; local_window_size stays. Source: docs/ContribOperators.md of ONNX Runtime.
 */
import type { GraphProto } from './generated/onnx_pb.js'
import { intAttribute } from './graph.ts'
import type { Lowered } from './lower.ts'

const RING = 'sliding_window_cache'
/** Which inputs of GroupQueryAttention are its past. */
const PAST_SLOTS = [3, 4]

export function plainCache({ model: { graph } }: Lowered): void {
  for (const node of graph.node) {
    if (node.opType === 'GroupQueryAttention') node.attribute = node.attribute.filter(({ name }) => name !== RING)
  }
}

/** By name, the past inputs of a graph that are rings, and how many positions each must have. */
export function ringLengths({ node: nodes }: GraphProto): Map<string, number> {
  const rings = nodes.filter((node) => node.opType === 'GroupQueryAttention' && intAttribute(node, RING, 0) === 1)
  return new Map(
    rings.flatMap((node) => PAST_SLOTS.map((slot) => [node.input[slot], intAttribute(node, 'local_window_size', 0)])),
  )
}
