/**
 * Follows the axes of a block through its graph: each output feature of a layer begins a class, each operator carries
 * classes along its axes, and classes are united where an operator reads places together. So coupled structures are
 * found from the graph alone. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.1, and DepGraph (Fang et al. 2023),
 * whose groups these are; by axes, as the classes of places.
 */
import type { GraphProto, NodeProto } from '../../onnx/generated/onnx_pb.js'
import type { Observed } from '../../onnx/gradient/tape.ts'
import type { AxesRule } from '../../onnx/operators/operator.ts'
import { operatorOf } from '../../onnx/operators/table.ts'
import { mean, norm, reduction, softmax } from './computed-axes.ts'
import { elementwise, same } from './elementwise-axes.ts'
import type { Axes, Labels } from './labels.ts'
import { concat, expand, gather, reshape, slice, split, transpose } from './moved-axes.ts'
import { gemm, matmul } from './product-axes.ts'
import { type Follow, type GroupQueries, Walk } from './walk.ts'
import { backToWeights } from './weights-behind.ts'

export interface Followed {
  labels: Labels
  /** The axes of each value, weights and constants included. */
  axes: ReadonlyMap<string, Axes>
}

/** Operators of sizes and places: the axes of their inputs end here. */
const nothing: Follow = () => undefined

const FOLLOWING: Record<AxesRule, Follow> = {
  same,
  elementwise,
  reshape,
  transpose,
  concat,
  split,
  slice,
  gather,
  expand,
  matmul,
  gemm,
  norm,
  softmax,
  mean,
  reduction,
  measure: nothing,
  places: nothing,
  constant: nothing,
}

/** @param stream - the residual stream, whose last axis is the model's width */
export function followAxes(
  graph: GraphProto,
  observed: Observed,
  stream: string,
  groupQueries: GroupQueries = 'kv',
): Followed {
  const walk = new Walk(graph, observed, groupQueries, false)
  const shape = walk.shape(stream)
  const last = shape.length - 1
  const width = walk.labels.fresh(shape[last])
  walk.labels.keep(width)
  walk.axes.set(
    stream,
    shape.map((_, axis) => (axis === last ? width : null)),
  )
  return through(walk, graph)
}

/** Follows the axes of an embedding, which no stream enters. They begin with the features of its tables. */
export function followEmbedding(graph: GraphProto, observed: Observed): Followed {
  return through(new Walk(graph, observed, 'kv', true), graph)
}

function through(walk: Walk, { node: nodes }: GraphProto): Followed {
  for (const node of nodes) {
    const rule = operatorOf(node)?.axes
    const follow = rule === undefined ? unknown : FOLLOWING[rule]
    follow(walk, node)
  }
  for (const node of nodes.toReversed()) if (walk.isFixed(node.output[0])) backToWeights(walk, node)
  return walk
}

/** Locks all inputs of an operator without a rule: nothing is guessed, and nothing of them is removed. */
function unknown(walk: Walk, node: NodeProto): void {
  for (const input of node.input) {
    if (input === '' || !walk.axes.has(input)) continue
    for (const places of walk.axesOf(input)) walk.lock(places, node, 'is not understood')
  }
}
