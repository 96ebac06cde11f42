/**
 * From the graph of a file to the graph that is computed. The file's graph stays as it is, for writing; this one is a
 * copy in plainer terms, made by passes that each keep what is computed: no branches, nodes in order, float32 throughout, and the
 * residual stream as one value between blocks. Weights are by reference in both, and `stored` says what is what.
 */
import type { NodeProto } from '../generated/onnx_pb.js'
import { like } from '../graph.ts'
import type { OnnxModel } from '../read.ts'
import type { TensorRef } from '../tensor.ts'
import { inlineBranches } from './inline-branches.ts'
import { plainCache } from './plain-cache.ts'
import { sortNodes } from './sort-nodes.ts'
import { splitSkipNorms } from './split-skip-norms.ts'
import { spreadRotary } from './spread-rotary.ts'
import { widenFp16 } from './widen-fp16.ts'

export interface Lowered {
  /** The graph to compute. Of its inputs those that something reads. */
  model: OnnxModel
  /** The tensor of the file behind each initializer of `model`, by its name there. */
  stored: Map<string, TensorRef>
  /** The node of the file behind each node of `model` that was copied. */
  origin: Map<NodeProto, NodeProto>
}

/**
 * @param continues - which branch of a merged decoder is taken: the one that continues a text
 * @throws {InputError} MODEL_BRANCHES: an If that does not choose by use_cache_branch; MODEL_UNREADABLE: a circle
 */
export function lower(file: OnnxModel, continues = false): Lowered {
  const graph = like(file.graph, { node: [], input: [...file.graph.input], valueInfo: [] })
  const model: OnnxModel = { ...file, graph, initializers: new Map(file.initializers) }
  const lowered: Lowered = { model, stored: new Map(file.initializers), origin: new Map() }
  graph.node = file.graph.node.map((node) => copyNode(lowered, node))
  inlineBranches(lowered, continues)
  sortNodes(lowered)
  widenFp16(lowered)
  splitSkipNorms(lowered)
  plainCache(lowered)
  spreadRotary(lowered)
  const read = new Set(graph.node.flatMap(({ input }) => input))
  graph.input = graph.input.filter(({ name }) => read.has(name))
  return lowered
}

/** A node of the file, to be edited: inputs and outputs are its own, attributes are not. */
export function copyNode({ origin }: Lowered, node: NodeProto): NodeProto {
  const copy = like(node, { input: [...node.input], output: [...node.output] })
  origin.set(copy, node)
  return copy
}
