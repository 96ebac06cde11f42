/** A model file as a graph, for the passes that read or change it. */
import type { GraphProto, ModelProto } from './generated/onnx_pb.js'
import type { TensorRef } from './tensor.ts'

/**
 * A model as a graph: the parsed file, and its initializers by reference, the sparse ones among them. `initializer` and
 * `sparseInitializer` of every graph are empty. A Constant node that holds a weight is an initializer too.
 */
export interface OnnxModel {
  path: string
  proto: ModelProto
  graph: GraphProto
  initializers: Map<string, TensorRef>
  /** The graphs inside attributes of nodes (branches of an If, at any depth) and their own initializers. */
  subgraphs: Map<GraphProto, Map<string, TensorRef>>
  /** Files that hold weights beside the model file, in order of first mention, as it names them: see externalPath. */
  externalFiles: string[]
}
