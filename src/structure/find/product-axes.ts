/** Axes through products of matrices. Each output feature of a layer gets a new label. */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { intAttribute } from '../../onnx/graph.ts'
import type { Axis } from './labels.ts'
import type { Follow, Walk } from './walk.ts'

export const matmul: Follow = (walk, node) => {
  const [a, b] = node.input
  if (walk.shape(b).length === 2 && walk.isFixed(b) && !walk.isFixed(a)) {
    const left = walk.axesOf(a)
    layer(walk, node, left[left.length - 1], { weight: b, rowsAxis: 1 })
    return
  }
  const [left, right] = [walk.axesOf(a), walk.axesOf(b)]
  const [inner, other] = [left[left.length - 1], right[right.length - 2]]
  const batch = batchAxes(walk, node)
  if ((inner === null) !== (other === null))
    walk.lock(inner ?? other, node, 'multiplies them by something that is no layer')
  walk.labels.uniteAxes(inner, other)
  walk.axes.set(node.output[0], [...batch, left[left.length - 2], right[right.length - 1]])
}

/** All axes of the output except the last two: those of both factors, unless they are broadcast. */
function batchAxes(walk: Walk, { input, output }: NodeProto): Axis[] {
  const rank = walk.shape(output[0]).length
  return Array.from({ length: Math.max(0, rank - 2) }, (_, axis) => {
    const [left, right] = input.map((value): Axis => {
      const shape = walk.shape(value)
      const at = axis - (rank - shape.length)
      return at >= 0 && shape[at] > 1 ? walk.axesOf(value)[at] : null
    })
    return walk.labels.uniteAxes(left, right)
  })
}

/** alpha A' B' + beta C. */
export const gemm: Follow = (walk, node) => {
  const [a, b, c] = node.input
  const transA = intAttribute(node, 'transA', 0)
  const inner = walk.axesOf(a)[1 - transA]
  const rowsAxis = intAttribute(node, 'transB', 0) === 1 ? 0 : 1
  const places = layer(walk, node, inner, { weight: b, rowsAxis })
  if (!c) return
  const shape = walk.shape(c)
  if (shape.length > 0 && shape[shape.length - 1] > 1) walk.meet(c, shape.length - 1, places, node)
}

/** A layer: its inputs are coupled to the value that it reads, and its outputs get new labels. */
function layer(
  walk: Walk,
  node: NodeProto,
  inner: Axis,
  { weight, rowsAxis }: { weight: string; rowsAxis: number },
): Int32Array {
  const [output] = node.output
  const rank = walk.shape(output).length
  const own = walk.axesOf(weight)
  if (inner !== null) walk.meet(weight, 1 - rowsAxis, inner, node)
  own[rowsAxis] ??= walk.labels.fresh(walk.shape(weight)[rowsAxis])
  const left = walk.axesOf(node.input[0])
  const places = own[rowsAxis] as Int32Array
  walk.axes.set(output, [...left.slice(0, rank - 1), places])
  return places
}
