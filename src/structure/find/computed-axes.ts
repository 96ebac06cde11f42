/**
 * Axes that operators compute over. The result changes with each removed place, so labels there are locked. A mean over
 * the stream's width is an exception: over fewer places it is about as large.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { attribute, intAttribute } from '../../onnx/graph.ts'
import { type Follow, fromFront, type Walk } from './walk.ts'

export const softmax: Follow = (walk, node) => computeOver(walk, node, [intAttribute(node, 'axis', -1)], false)

export const norm: Follow = (walk, node) => {
  const axes = walk.axesOf(node.input[0])
  const first = fromFront(intAttribute(node, 'axis', -1), axes.length)
  const over = axes.flatMap((_, axis) => (axis >= first ? [axis] : []))
  computeOver(walk, node, over, true)
  for (const input of node.input.slice(1)) {
    if (input === '') continue
    const rank = walk.shape(input).length
    for (let k = 1; k <= Math.min(rank, over.length); k++) {
      const places = axes[axes.length - k]
      if (places !== null && walk.shape(input)[rank - k] === places.length) walk.meet(input, rank - k, places, node)
    }
  }
}

export const mean: Follow = (walk, node) => reduce(walk, node, true)

export const reduction: Follow = (walk, node) => reduce(walk, node, false)

function reduce(walk: Walk, node: NodeProto, isMean: boolean): void {
  const axes = walk.axesOf(node.input[0])
  const given = attribute(node, 'axes')?.ints.map(Number) ?? walk.content(node.input[1]) ?? []
  const over = (given.length > 0 ? given : axes.map((_, axis) => axis)).map((axis) => fromFront(axis, axes.length))
  computeOver(walk, node, over, isMean)
  const keeps = intAttribute(node, 'keepdims', 1) === 1
  walk.axes.set(
    node.output[0],
    axes.flatMap((places, axis) => (over.includes(axis) ? (keeps ? [null] : []) : [places])),
  )
}

function computeOver(walk: Walk, node: NodeProto, over: readonly number[], isMean: boolean): void {
  const axes = walk.axesOf(node.input[0])
  for (const axis of over) {
    const places = axes[fromFront(axis, axes.length)]
    if (isMean && (walk.embeds || places?.every((label) => walk.labels.isKept(label)))) continue
    walk.lock(places, node, 'computes over them')
  }
  walk.axes.set(node.output[0], [...axes])
}
