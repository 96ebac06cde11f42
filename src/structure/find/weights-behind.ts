/**
 * Values that are computed from weights alone take labels from the values that they meet. The labels belong to the
 * weights.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import type { AxesRule } from '../../onnx/operators/operator.ts'
import { operatorOf } from '../../onnx/operators/table.ts'
import type { Axes } from './labels.ts'
import { reshapeAxes } from './reshape-axes.ts'
import type { Walk } from './walk.ts'

/** Hands the labels of a node's output to its inputs. */
type GoBack = (walk: Walk, node: NodeProto, own: Axes) => void

/** Values that share the labels of their weight, or are weights themselves. */
const already: GoBack = () => undefined

const GOING_BACK: Partial<Record<AxesRule, GoBack>> = {
  same: already,
  transpose: already,
  constant: already,
  elementwise,
  reshape,
}

export function backToWeights(walk: Walk, node: NodeProto): void {
  const own = walk.axes.get(node.output[0])
  if (own === undefined || own.every((places) => places === null)) return
  const rule = operatorOf(node)?.axes
  const goBack = (rule && GOING_BACK[rule]) ?? unknown
  goBack(walk, node, own)
}

function elementwise(walk: Walk, node: NodeProto, own: Axes): void {
  for (const input of node.input) {
    if (input === '') continue
    const shape = walk.shape(input)
    const axes = walk.axesOf(input)
    for (const [axis, places] of own.slice(own.length - shape.length).entries())
      if (places !== null && shape[axis] === places.length) axes[axis] = walk.labels.uniteAxes(axes[axis], places)
  }
}

function reshape(walk: Walk, node: NodeProto, own: Axes): void {
  const [input] = node.input
  const axes = walk.axesOf(input)
  const behind = reshapeAxes(walk.labels, own, walk.shape(node.output[0]), walk.shape(input))
  for (const [axis, places] of behind.entries()) axes[axis] = walk.labels.uniteAxes(axes[axis], places)
}

function unknown(walk: Walk, node: NodeProto, own: Axes): void {
  for (const places of own) walk.lock(places, node, 'makes a constant of them')
}
