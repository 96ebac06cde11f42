/** A graph between the file's form and the computed form. The passes edit it. */
import type { NodeProto } from '../generated/onnx_pb.js'
import { like } from '../graph.ts'
import type { OnnxModel } from '../model.ts'
import type { TensorRef } from '../tensor.ts'

export interface Lowered {
  /** The graph to compute. It has only the inputs that some node reads. */
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
