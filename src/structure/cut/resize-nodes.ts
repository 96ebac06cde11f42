/** Writes the new sizes into the nodes of a part, according to the effect of each operator on axes. */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { intAttribute, like } from '../../onnx/graph.ts'
import type { AxesRule } from '../../onnx/operators/operator.ts'
import { operatorOf, placesOf } from '../../onnx/operators/table.ts'
import { tracedWindows } from '../find/follow-blocks.ts'
import { fromFront } from '../find/walk.ts'
import { refuse } from './refusal.ts'
import { keptOf, repeats } from './removed-labels.ts'
import { resizeFused } from './resize-fused.ts'
import { declareShapes, resizeOutput, resizePast } from './resize-pasts.ts'
import type { Slicer } from './slicer.ts'

type Resize = (slicer: Slicer, node: NodeProto) => void

/** Operators that have sizes as inputs or attributes. The sizes of all others follow by themselves. */
const RESIZING: Partial<Record<AxesRule, Resize>> = { split, slice, reshape, expand }

/** The size that Reshape computes from the others. */
const INFERRED = -1

/** @throws {InputError} SLICE_UNKNOWN */
export function resizeNodes(slicer: Slicer): void {
  for (const node of slicer.decoder.index.nodes) {
    const output = node.output.find((name) => name !== '')
    if (output === undefined || !slicer.followed.model.holds(output)) continue
    const rule = operatorOf(node)?.axes
    const resize = (rule && RESIZING[rule]) ?? fused
    resize(slicer, node)
  }
  declareShapes(slicer)
}

/** Flatten and the like reshape without sizes as inputs. */
function reshape(slicer: Slicer, node: NodeProto): void {
  const [slot] = placesOf(node, 'sizes')
  if (slot === undefined) return
  const axes = slicer.axesOf(node.output[0])
  const changed = slicer.changedAxes(node.output[0])
  for (const axis of changed.keys()) {
    if (!holdsWindows(slicer, node, axis)) continue
    const sizes = slicer.content(node.input[slot]) ?? []
    if (sizes.some((size, k) => size === INFERRED && k !== axis)) throw dependsOnBatch(slicer, node)
    changed.set(axis, INFERRED)
  }
  if (changed.size > 0) slicer.tell(node, slot, axes.length, changed)
}

function expand(slicer: Slicer, node: NodeProto): void {
  const [slot] = placesOf(node, 'sizes')
  const changed = slicer.changedAxes(node.output[0])
  for (const axis of changed.keys()) if (holdsWindows(slicer, node, axis)) throw dependsOnBatch(slicer, node)
  if (changed.size > 0) slicer.tell(node, slot, slicer.axesOf(node.output[0]).length, changed)
}

/** Whether windows were merged with the places of an axis, as [windows * heads, ...]. */
function holdsWindows(slicer: Slicer, node: NodeProto, axis: number): boolean {
  const { labels } = slicer.followed.followed
  return repeats(labels, slicer.axesOf(node.output[0])[axis], tracedWindows(slicer.decoder))
}

function dependsOnBatch({ decoder }: Slicer, { name, opType }: NodeProto): Error {
  return refuse(decoder, `has a size in "${name}" (${opType}) that depends on the batch`)
}

function split(slicer: Slicer, node: NodeProto): void {
  const along = fromFront(intAttribute(node, 'axis', 0), slicer.axesOf(node.input[0]).length)
  const sizes = node.output.map((output) => slicer.changedAxes(output).get(along))
  const told = new Map(sizes.flatMap((size, k) => (size === undefined ? [] : [[k, size] as const])))
  if (told.size > 0 && node.input[1]) slicer.tell(node, 1, node.output.length, told)
}

function slice(slicer: Slicer, node: NodeProto): void {
  const starts = slicer.content(node.input[1]) ?? []
  const axes = slicer.content(node.input[3]) ?? starts.map((_, axis) => axis)
  const steps = slicer.content(node.input[4]) ?? starts.map(() => 1)
  const own = slicer.axesOf(node.input[0])
  const { model, observed } = slicer.followed
  const shape = observed.shapes.get(model.inside(node.output[0])) ?? []
  const [from, to] = [new Map<number, number>(), new Map<number, number>()]
  for (const [k, given] of axes.entries()) {
    const axis = fromFront(given, own.length)
    const places = own[axis] ?? null
    if (places === null || !places.some((label) => slicer.gone(label))) continue
    if (steps[k] !== 1) throw refuse(slicer.decoder, `picks some of the removed places in "${node.name}" (Slice)`)
    const start = fromFront(starts[k], places.length)
    from.set(k, keptOf(places.subarray(0, start), slicer.gone))
    to.set(k, keptOf(places.subarray(0, start + (shape[axis] ?? 0)), slicer.gone))
  }
  if (from.size === 0) return
  slicer.tell(node, 1, starts.length, from)
  slicer.tell(node, 2, starts.length, to)
}

/** Changes the numbers of heads in the attributes of a fused operator, and the pasts that it reads and passes on. */
function fused(slicer: Slicer, node: NodeProto): void {
  let loses = false
  const kept = (places: Int32Array) => {
    const left = keptOf(places, slicer.gone)
    loses ||= left < places.length
    return left
  }
  const told = resizeFused(node, { axesOf: (value) => slicer.axesOf(value), kept })
  if (told === undefined || !loses) return
  const copy = slicer.copyOf(node)
  copy.attribute = copy.attribute.map((entry) => {
    const count = told.counts[entry.name]
    return count === undefined ? entry : like(entry, { i: BigInt(count) })
  })
  const { inputs = [], outputs = [], heads = 0 } = told.pasts ?? {}
  const changed = new Map([[1, heads]])
  for (const slot of inputs) resizePast(slicer, node.input[slot], changed)
  for (const k of outputs) resizeOutput(slicer, node.output[k], changed)
}
