/** Axes through operators that move numbers. */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { attribute, intAttribute } from '../../onnx/graph.ts'
import type { Axis } from './labels.ts'
import { reshapeAxes } from './reshape-axes.ts'
import { type Follow, fromFront, type Walk } from './walk.ts'

export const reshape: Follow = (walk, node) => {
  const [input] = node.input
  const [output] = node.output
  walk.axes.set(output, reshapeAxes(walk.labels, walk.axesOf(input), walk.shape(input), walk.shape(output)))
}

/** A transposed weight shares the labels of the weight, so each finding about one holds for the other. */
export const transpose: Follow = (walk, node) => {
  const [input] = node.input
  const axes = walk.axesOf(input)
  const perm = attribute(node, 'perm')?.ints.map(Number) ?? axes.map((_, axis) => axes.length - 1 - axis)
  if (walk.isFixed(input)) for (const axis of perm) axes[axis] ??= walk.labels.fresh(walk.shape(input)[axis])
  walk.axes.set(
    node.output[0],
    perm.map((axis) => axes[axis]),
  )
}

export const concat: Follow = (walk, node) => {
  const [output] = node.output
  const shape = walk.shape(output)
  const along = fromFront(intAttribute(node, 'axis', 0), shape.length)
  const out = shape.map((_, axis): Axis => {
    const own = node.input.map((input) => walk.axesOf(input)[axis])
    if (own.every((places) => places === null)) return null
    if (axis !== along) return own.reduce<Axis>((all, places) => walk.labels.uniteAxes(all, places), null)
    const joined = node.input.map((input, k) => own[k] ?? unlabelled(walk, walk.shape(input)[axis], node))
    return Int32Array.from(joined.flatMap((places) => [...places]))
  })
  walk.axes.set(output, out)
}

function unlabelled(walk: Walk, count: number, node: NodeProto): Int32Array {
  const places = walk.labels.fresh(count)
  walk.lock(places, node, 'joins them with something unknown')
  return places
}

export const split: Follow = (walk, node) => {
  const axes = walk.axesOf(node.input[0])
  const along = fromFront(intAttribute(node, 'axis', 0), axes.length)
  let from = 0
  for (const output of node.output) {
    const [first, last] = [from, from + walk.shape(output)[along]]
    walk.axes.set(
      output,
      axes.map((places, axis) => (axis === along ? (places?.slice(first, last) ?? null) : places)),
    )
    from = last
  }
}

export const slice: Follow = (walk, node) => {
  const [input] = node.input
  const shape = walk.shape(input)
  const out = [...walk.axesOf(input)]
  const starts = walk.content(node.input[1]) ?? []
  const axes = walk.content(node.input[3]) ?? starts.map((_, axis) => axis)
  const steps = walk.content(node.input[4]) ?? starts.map(() => 1)
  for (const [k, given] of axes.entries()) {
    const axis = fromFront(given, shape.length)
    const start = Math.min(fromFront(starts[k], shape[axis]), shape[axis])
    const length = walk.shape(node.output[0])[axis]
    const places = out[axis]
    out[axis] = places && Int32Array.from({ length }, (_, i) => places[start + i * steps[k]])
  }
  walk.axes.set(node.output[0], out)
}

/** Keys and values are repeated for each query of their group. */
export const expand: Follow = (walk, node) => {
  const [input] = node.input
  const [before, behind] = [walk.shape(input), walk.shape(node.output[0])]
  const extra = behind.length - before.length
  const axes = walk.axesOf(input)
  const repeats = walk.groupQueries === 'query' && axes.some((places) => places && !walk.labels.isKept(places[0]))
  const out = behind.map((size, axis): Axis => {
    if (axis >= extra && before[axis - extra] === size) return axes[axis - extra]
    return repeats ? walk.labels.freshRepeats(size) : null
  })
  walk.axes.set(node.output[0], out)
}

export const gather: Follow = (walk, node) => {
  const [data, ids] = node.input
  const axes = walk.axesOf(data)
  const along = fromFront(intAttribute(node, 'axis', 0), axes.length)
  if (walk.embeds && walk.isFixed(data))
    for (const [axis, size] of walk.shape(data).entries()) if (axis !== along) axes[axis] ??= walk.labels.fresh(size)
  walk.lock(axes[along], node, 'picks some of them')
  const rows = walk.shape(ids).map(() => null)
  walk.axes.set(node.output[0], [...axes.slice(0, along), ...rows, ...axes.slice(along + 1)])
}
