/** A graph on its way from the file's form to the one that is computed: what the passes edit. */
import type { NodeProto } from '../generated/onnx_pb.js'
import { like } from '../graph.ts'
import type { OnnxModel } from '../model.ts'
import type { TensorRef } from '../tensor.ts'

export interface Lowered {
  /** The graph to compute. Of its inputs those that something reads. */
  model: OnnxModel
  /** The tensor of the file behind each initializer of `model`, by its name there. */
  stored: Map<string, TensorRef>
  /** The node of the file behind each node of `model` that was copied. */
  origin: Map<NodeProto, NodeProto>
}

/** A node of the file, to be edited: inputs and outputs are its own, attributes are not. */
export function copyNode({ origin }: Lowered, node: NodeProto): NodeProto {
  const copy = like(node, { input: [...node.input], output: [...node.output] })
  origin.set(copy, node)
  return copy
}
