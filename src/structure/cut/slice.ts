/**
 * A model without the units that are removed: its tensors are smaller, and every size in the graph that followed from
 * theirs is what it is now. What is cut where is known from the labels of axes, so no architecture is.
 */

import { create } from '@bufbuild/protobuf'
import { InputError } from '../../base/errors.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { nodeMaking } from '../../onnx/build.ts'
import { type NodeProto, TensorShapeProto_DimensionSchema, type ValueInfoProto } from '../../onnx/generated/onnx_pb.js'
import { intAttribute, like } from '../../onnx/graph.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { cutTensor, DATA_TYPE, type TensorRef } from '../../onnx/tensor.ts'
import { type FollowedBlock, type FollowedPart, tracedWindows } from '../find/follow-blocks.ts'
import type { Axes, Axis } from '../find/labels.ts'
import type { RemovedUnits } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'
import { FileCopy } from './file-copy.ts'
import { resizeFused } from './resize-fused.ts'

/**
 * The graph of `decoder`'s file with units removed, weights still by reference. `decoder` stays as it is.
 * @param blocks - as followBlocks gives them
 * @param removed - by block; none where it is undefined
 * @throws {InputError} SLICE_UNKNOWN: a graph that this cannot rewrite
 */
export function slice(
  decoder: Decoder,
  blocks: readonly FollowedBlock[],
  removed: readonly (readonly RemovedUnits[] | undefined)[],
): OnnxModel {
  const copy = new FileCopy(decoder.model)
  assertAllFollowed(decoder, blocks)
  for (const [block, followed] of blocks.entries()) {
    const units = removed[block]?.filter(({ units }) => units.length > 0) ?? []
    if (units.length === 0) continue
    sliceBlock(copy, block, followed, units)
    const { continued } = followed
    if (continued) sliceBlock(copy, block, continued, inOtherBranch(followed, continued, units, block))
  }
  return copy.model
}

function sliceBlock(copy: FileCopy, block: number, followed: FollowedBlock, units: readonly RemovedUnits[]): void {
  const slicer = new Slicer(copy, block, followed, removedLabels(followed, units))
  slicer.cutTensors(units)
  slicer.resizeNodes()
}

function assertAllFollowed(decoder: Decoder, blocks: readonly FollowedBlock[]): void {
  assertBranches(decoder, [decoder, ...blocks.flatMap(({ continued }) => continued?.decoder ?? [])])
}

/**
 * A branch that is never taken would keep its sizes, among tensors that have others.
 * @param views - one a branch that was followed
 */
export function assertBranches(decoder: Decoder, views: readonly Decoder[]): void {
  const nodes = new Set([...new Set(views)].flatMap(({ lowered }) => [...lowered.origin.values()]))
  const unseen = [...decoder.model.subgraphs.keys()].find(({ node }) => node.some((each) => !nodes.has(each)))
  if (unseen) throw refuse(decoder, `has an If of which the branch "${unseen.name}" is never taken`)
}

/** The same units of the same structures, by the tensors and labels of the other branch. */
function inOtherBranch(
  { structures }: FollowedBlock,
  continued: FollowedBlock,
  removed: readonly RemovedUnits[],
  block: number,
): RemovedUnits[] {
  const form = ({ kind, units, members }: Structure) =>
    JSON.stringify([kind, units, members.map(({ axis, places }) => [axis, places])])
  return removed.map(({ structure, units }) => {
    const twin = continued.structures[structures.indexOf(structure)]
    if (twin === undefined || twin.locked !== undefined || form(twin) !== form(structure))
      throw refuse(continued.decoder, `has branches in which the ${structure.kind} of block ${block} are not alike`)
    return { structure: twin, units }
  })
}

/** Cuts what is gone out of one part, as one branch of the file computes it. */
export class Slicer {
  private readonly copy: FileCopy
  private readonly block: number
  private readonly followed: FollowedPart
  private readonly decoder: Decoder
  private readonly gone: Gone

  /** @param block - any other number for a part that is none: its tensors are cut by whom it knows */
  constructor(copy: FileCopy, block: number, followed: FollowedPart, gone: Gone) {
    this.copy = copy
    this.block = block
    this.followed = followed
    this.decoder = followed.decoder
    this.gone = gone
  }

  /** Tells nodes, inputs and outputs of the graph the sizes that follow. */
  resizeNodes(): void {
    const { model } = this.followed
    for (const node of this.decoder.index.nodes) {
      const output = node.output.find((name) => name !== '')
      if (output !== undefined && model.holds(output)) this.resize(node)
    }
    this.declareShapes()
  }

  /** Of a block: cuts the members of structures. */
  cutTensors(removed: readonly RemovedUnits[]): void {
    for (const [name, axes] of placesByTensor(removed)) {
      const stored = this.decoder.lowered.stored.get(name)
      if (stored === undefined)
        throw refuse(this.decoder, `holds a constant inside block ${this.block} that would have to be cut`)
      let cut: TensorRef = stored
      for (const [axis, places] of axes) {
        const kept = Array.from({ length: stored.dims[axis] }, (_, place) => place).filter(
          (place) => !places.has(place),
        )
        cut = cutTensor(cut, axis, kept)
      }
      this.replace(name, stored, cut)
    }
  }

  /** Exporters store equal tensors once: what other blocks read stays as it is. */
  private replace(name: string, stored: TensorRef, cut: TensorRef): void {
    const { index, cut: parts } = this.decoder
    const own = new Set(parts.blocks[this.block].nodes)
    const uses = index.uses(name)
    if (uses.every(({ node }) => own.has(node) || this.isPassing(node, own))) {
      this.copy.replace(stored, cut)
      return
    }
    if (uses.some(({ node }) => index.isConstantNode(node)))
      throw refuse(this.decoder, `computes with "${stored.name}" for several blocks at once`)
    const fresh = this.copy.add(`${stored.name}_${this.block}`, cut)
    for (const { node, slot } of uses) if (own.has(node)) this.copyOf(index.nodes[node]).input[slot] = fresh
  }

  /** Whether a constant node (Transpose, Cast) makes something for these nodes alone. */
  private isPassing(node: number, own: ReadonlySet<number>): boolean {
    const { index } = this.decoder
    if (!index.isConstantNode(node)) return false
    const readers = index.nodes[node].output.flatMap((output) => index.uses(output))
    return readers.every((reader) => own.has(reader.node) || this.isPassing(reader.node, own))
  }

  private copyOf(node: NodeProto): NodeProto {
    const copy = this.copy.nodeOf(this.decoder.lowered.origin.get(node))
    if (copy === undefined)
      throw refuse(this.decoder, `has a fused operator where "${node.name}" (${node.opType}) is computed`)
    return copy
  }

  /** Sizes that a node is told. */
  private resize(node: NodeProto): void {
    if (node.opType === 'Split') this.resizeSplit(node)
    else if (node.opType === 'Slice') this.resizeSlice(node)
    else if (node.opType === 'Reshape' || node.opType === 'Expand') {
      const axes = this.axesOf(node.output[0])
      const changed = changedAxes(axes, this.gone)
      if (changed.size === 0) return
      for (const axis of changed.keys())
        if (holdsWindows(this.followed, axes[axis])) changed.set(axis, this.inferred(node, axis))
      this.tell(node, 1, axes.length, changed)
    } else this.resizeFused(node)
  }

  private axesOf(value: string): Axes {
    const { model, followed } = this.followed
    return model.holds(value) ? (followed.axes.get(model.inside(value)) ?? []) : []
  }

  private resizeFused(node: NodeProto): void {
    let loses = false
    const kept = (places: Int32Array) => {
      const left = keptOf(places, this.gone)
      loses ||= left < places.length
      return left
    }
    const fused = resizeFused(node, { axesOf: (value) => this.axesOf(value), kept })
    if (fused === undefined || !loses) return
    const copy = this.copyOf(node)
    copy.attribute = copy.attribute.map((entry) => {
      const count = fused.counts[entry.name]
      return count === undefined ? entry : like(entry, { i: BigInt(count) })
    })
    const { inputs = [], outputs = [], heads = 0 } = fused.pasts ?? {}
    const changed = new Map([[1, heads]])
    for (const slot of inputs) this.resizePast(node.input[slot], changed)
    for (const k of outputs) this.resizeOutput(node.output[k], changed)
  }

  /** A past comes in from outside, perhaps in another element type, or is made empty. */
  private resizePast(value: string | undefined, changed: ReadonlyMap<number, number>): void {
    if (!value || changed.size === 0) return
    const { graph } = this.copy.model
    const { index } = this.decoder
    const made = index.maker(value)
    if (made === undefined)
      graph.input = graph.input.map((info) => (info.name === value ? resized(info, changed) : info))
    else if (index.nodes[made].opType === 'Cast') this.resizePast(index.nodes[made].input[0], changed)
    else if (index.nodes[made].opType === 'ConstantOfShape') {
      const others = this.decoder.cut.blocks.filter((_, block) => block !== this.block).flatMap(({ nodes }) => nodes)
      if (index.uses(value).some(({ node }) => others.includes(node)))
        throw refuse(this.decoder, `makes one empty past ("${value}") for several blocks`)
      this.tell(index.nodes[made], 0, PAST_RANK, changed)
    }
  }

  /** What is handed on, perhaps in another element type. */
  private resizeOutput(value: string | undefined, changed: ReadonlyMap<number, number>): void {
    if (!value || changed.size === 0) return
    const { graph } = this.copy.model
    graph.output = graph.output.map((info) => (info.name === value ? resized(info, changed) : info))
    for (const { node } of this.decoder.index.uses(value)) {
      const { opType, output } = this.decoder.index.nodes[node]
      if (opType === 'Cast' || opType === 'Identity') this.resizeOutput(output[0], changed)
    }
  }

  /** For a size that depends on how many windows there are. */
  private inferred(node: NodeProto, axis: number): number {
    const { model, observed } = this.followed
    const sizes = observed.contents.get(model.inside(node.input[1])) ?? []
    if (node.opType !== 'Reshape' || sizes.some((size, k) => size === INFERRED && k !== axis))
      throw refuse(this.decoder, `has a size in "${node.name}" (${node.opType}) that depends on the batch`)
    return INFERRED
  }

  private resizeSplit(node: NodeProto): void {
    const own = this.axesOf(node.input[0])
    const given = intAttribute(node, 'axis', 0)
    const along = given < 0 ? given + own.length : given
    const sizes = node.output.map((output) => changedAxes(this.axesOf(output), this.gone).get(along))
    const told = new Map(sizes.flatMap((size, k) => (size === undefined ? [] : [[k, size] as const])))
    if (told.size > 0 && node.input[1]) this.tell(node, 1, node.output.length, told)
  }

  private resizeSlice(node: NodeProto): void {
    const { model, observed } = this.followed
    const content = (slot: number) => {
      const value = node.input[slot]
      return value ? observed.contents.get(model.inside(value)) : undefined
    }
    const starts = content(1) ?? []
    const axes = content(3) ?? starts.map((_, axis) => axis)
    const steps = content(4) ?? starts.map(() => 1)
    const own = this.axesOf(node.input[0])
    const [from, to] = [new Map<number, number>(), new Map<number, number>()]
    for (const [k, given] of axes.entries()) {
      const axis = given < 0 ? given + own.length : given
      const places = own[axis]
      if (places === null || places === undefined || !places.some((label) => this.gone(label))) continue
      if (steps[k] !== 1) throw refuse(this.decoder, `picks some of what is removed in "${node.name}" (Slice)`)
      const start = starts[k] < 0 ? starts[k] + places.length : starts[k]
      const count = observed.shapes.get(model.inside(node.output[0]))?.[axis] ?? 0
      from.set(k, keptOf(places.subarray(0, start), this.gone))
      to.set(k, keptOf(places.subarray(0, start + count), this.gone))
    }
    if (from.size === 0) return
    this.tell(node, 1, starts.length, from)
    this.tell(node, 2, starts.length, to)
  }

  /**
   * Changes some elements of a small integer operand: in a copy of it where it is an initializer, else by a Where
   * behind what computes it.
   */
  private tell(node: NodeProto, slot: number, length: number, changes: ReadonlyMap<number, number>): void {
    const copy = this.copyOf(node)
    const name = copy.input[slot]
    const literal = this.copy.initializer(copy, name)
    const numbers = Array.from({ length }, (_, k) => changes.get(k) ?? 0)
    const wanted = (what: string) => `${copy.name || node.output[0]}/${what}`
    if (literal?.data.kind === 'memory' && literal.dataType === DATA_TYPE.int64) {
      const elements = new BigInt64Array(Uint8Array.from(literal.data.bytes).buffer)
      for (const [k, size] of changes) elements[k] = BigInt(size)
      copy.input[slot] = this.integers(wanted('sizes'), elements)
      return
    }
    const told = this.integers(wanted('sizes'), BigInt64Array.from(numbers, BigInt))
    const bytes = Uint8Array.from(numbers, (_, k) => Number(changes.has(k)))
    const dataType = DATA_TYPE.bool
    const which = this.copy.add(wanted('changed'), { dims: [length], dataType, data: { kind: 'memory', bytes } })
    const value = this.copy.fresh(wanted('resized'))
    this.copy.insertBefore(copy, nodeMaking(value, 'Where', [which, told, name]))
    copy.input[slot] = value
  }

  private integers(wanted: string, elements: BigInt64Array): string {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
    const data = { kind: 'memory' as const, bytes }
    return this.copy.add(wanted, { dims: [elements.length], dataType: DATA_TYPE.int64, data })
  }

  /** Shapes of graph inputs and outputs: the past that a block joins to its keys and values, and what it hands on. */
  private declareShapes(): void {
    for (const { name } of this.copy.model.graph.output)
      this.resizeOutput(name, changedAxes(this.axesOf(name), this.gone))
    for (const { opType, input, output } of this.decoder.index.nodes) {
      if (opType !== 'Concat' || !this.followed.model.holds(output[0])) continue
      const changed = changedAxes(this.axesOf(output[0]), this.gone)
      for (const value of input) this.resizePast(value, changed)
    }
  }
}

/** [batch, heads, positions, size] */
const PAST_RANK = 4

/** What Reshape computes from the other sizes. */
const INFERRED = -1

/**
 * Whether windows were merged with the places of an axis, as [windows * heads, ...]: the places repeat for each window.
 */
function holdsWindows({ followed: { labels }, decoder }: FollowedPart, axis: Axis): boolean {
  const windows = tracedWindows(decoder)
  if (axis === null || windows === 1 || axis.length % windows !== 0) return false
  const each = axis.length / windows
  return axis.every((label, place) => labels.same(label, axis[place % each]))
}

/** Whether a label's class is removed. */
type Gone = (label: number) => boolean

function removedLabels({ model, followed }: FollowedBlock, removed: readonly RemovedUnits[]): Gone {
  const roots = new Set<number>()
  for (const { structure, units } of removed) {
    const [{ tensor, axis, places }] = structure.members
    const labels = followed.axes.get(model.weights.get(tensor) ?? tensor)?.[axis]
    if (!labels) throw new Error(`"${tensor}" was not followed`)
    // Of repeats the labels say how many go, the same of each group; which ones, in a group, makes no size another.
    const marked = structure.groups === 1 ? units : units.slice(0, units.length / structure.groups).map((_, k) => k)
    for (const unit of marked) for (const place of places[unit]) roots.add(followed.labels.find(labels[place]))
  }
  return (label) => roots.has(followed.labels.find(label))
}

/** By axis that gets shorter, what is left of it. */
function changedAxes(axes: Axes, gone: Gone): Map<number, number> {
  const changed = new Map<number, number>()
  for (const [axis, labels] of axes.entries()) {
    if (labels === null) continue
    const kept = keptOf(labels, gone)
    if (kept !== labels.length) changed.set(axis, kept)
  }
  return changed
}

function keptOf(labels: Int32Array, gone: Gone): number {
  return labels.reduce((sum, label) => sum + (gone(label) ? 0 : 1), 0)
}

/** What is cut away: by tensor and axis, places. */
export function placesByTensor(removed: readonly RemovedUnits[]): Map<string, Map<number, Set<number>>> {
  const found = new Map<string, Map<number, Set<number>>>()
  for (const { structure, units } of removed) {
    for (const { tensor, axis, places } of structure.members) {
      const axes = found.get(tensor) ?? new Map<number, Set<number>>()
      const own = axes.get(axis) ?? new Set<number>()
      for (const unit of units) for (const place of places[unit]) own.add(place)
      found.set(tensor, axes.set(axis, own))
    }
  }
  return found
}

function resized(info: ValueInfoProto, changed: ReadonlyMap<number, number>): ValueInfoProto {
  const tensorType = info.type?.tensorType
  const shape = tensorType?.shape
  if (info.type === undefined || !tensorType || !shape || changed.size === 0) return info
  const dim = shape.dim.map((known, axis) => {
    const size = changed.get(axis)
    if (size === undefined) return known
    return create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } })
  })
  return like(info, { type: like(info.type, { tensorType: like(tensorType, { shape: like(shape, { dim }) }) }) })
}

export function refuse({ directory }: Decoder, why: string): InputError {
  return new InputError({
    code: 'SLICE_UNKNOWN',
    what: `${directory.onnx} ${why}: it cannot be made smaller`,
    hint: 'Export the model with plain ONNX operators and without branches, for example with Optimum (--task text-generation, float32).',
  })
}
