/**
 * A model without the units that are removed: its tensors are smaller, and every size in the graph that followed from
 * theirs is what it is now. What is cut where is known from the labels of axes, so no architecture is.
 */
import { create } from '@bufbuild/protobuf'
import { InputError } from '../errors.ts'
import type { Decoder } from '../model/decoder.ts'
import { type NodeProto, TensorShapeProto_DimensionSchema, type ValueInfoProto } from '../onnx/generated/onnx_pb.js'
import { freshName, intAttribute, like, makeNode } from '../onnx/graph.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { cutTensor, DATA_TYPE, type TensorRef } from '../onnx/tensor.ts'
import { type FollowedBlock, WINDOWS } from './find.ts'
import type { Axis } from './labels.ts'
import type { RemovedUnits } from './removal.ts'

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
  const slicer = new Slicer(decoder)
  for (const [block, followed] of blocks.entries()) {
    const units = removed[block]?.filter(({ units }) => units.length > 0) ?? []
    if (units.length > 0) slicer.block(block, followed, units)
  }
  return slicer.sliced
}

class Slicer {
  readonly sliced: OnnxModel
  private readonly decoder: Decoder
  /** Editable copies, by node of the file. */
  private readonly copies = new Map<NodeProto, NodeProto>()
  private readonly taken = new Set<string>()

  constructor(decoder: Decoder) {
    const { model } = decoder
    if (model.subgraphs.size > 0) throw refuse(decoder, 'has an If, of which one branch alone was followed')
    this.decoder = decoder
    const node = model.graph.node.map((each) => {
      const copy = like(each, { input: [...each.input] })
      this.copies.set(each, copy)
      return copy
    })
    // Shapes of values inside are hints that an exporter left, and would be wrong.
    const graph = like(model.graph, {
      node,
      input: [...model.graph.input],
      output: [...model.graph.output],
      valueInfo: [],
    })
    this.sliced = { ...model, graph, initializers: new Map(model.initializers) }
  }

  block(block: number, followed: FollowedBlock, removed: readonly RemovedUnits[]): void {
    if (followed.fused) throw refuse(this.decoder, `has fused operators with sizes of their own in block ${block}`)
    const gone = removedLabels(followed, removed)
    this.cutTensors(block, removed)
    const { index } = this.decoder
    for (const node of index.nodes) {
      const [output] = node.output
      if (output !== '' && followed.model.holds(output)) this.resize(node, followed, gone)
    }
    this.declareShapes(followed, gone)
  }

  private cutTensors(block: number, removed: readonly RemovedUnits[]): void {
    for (const [name, axes] of placesByTensor(removed)) {
      const stored = this.decoder.lowered.stored.get(name)
      if (stored === undefined)
        throw refuse(this.decoder, `holds a constant inside block ${block} that would have to be cut`)
      let cut: TensorRef = stored
      for (const [axis, places] of axes) {
        const kept = Array.from({ length: stored.dims[axis] }, (_, place) => place).filter(
          (place) => !places.has(place),
        )
        cut = cutTensor(cut, axis, kept)
      }
      this.replace(block, name, stored, cut)
    }
  }

  /** Exporters store equal tensors once: what other blocks read stays as it is. */
  private replace(block: number, name: string, stored: TensorRef, cut: TensorRef): void {
    const { index, cut: parts } = this.decoder
    const own = new Set(parts.blocks[block].nodes)
    const uses = index.uses(name)
    if (uses.every(({ node }) => own.has(node) || this.isPassing(node, own))) {
      this.sliced.initializers.set(stored.name, cut)
      return
    }
    if (uses.some(({ node }) => index.isConstantNode(node)))
      throw refuse(this.decoder, `computes with "${stored.name}" for several blocks at once`)
    const fresh = freshName(this.sliced.graph, this.taken, `${stored.name}_${block}`)
    this.sliced.initializers.set(fresh, { ...cut, name: fresh })
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
    const origin = this.decoder.lowered.origin.get(node)
    const copy = origin && this.copies.get(origin)
    if (copy === undefined)
      throw refuse(this.decoder, `has a fused operator where "${node.name}" (${node.opType}) is computed`)
    return copy
  }

  /** Sizes that a node is told. */
  private resize(node: NodeProto, block: FollowedBlock, gone: Gone): void {
    if (node.opType === 'Split') this.resizeSplit(node, block, gone)
    else if (node.opType === 'Slice') this.resizeSlice(node, block, gone)
    else if (node.opType === 'Reshape' || node.opType === 'Expand') {
      const axes = axesOf(block, node.output[0])
      const changed = changedAxes(axes, gone)
      if (changed.size === 0) return
      for (const axis of changed.keys())
        if (holdsWindows(block, axes[axis])) changed.set(axis, this.inferred(node, axis, block))
      this.tell(node, 1, axes.length, changed)
    }
  }

  /** For a size that depends on how many windows there are. */
  private inferred(node: NodeProto, axis: number, { model, observed }: FollowedBlock): number {
    const sizes = observed.contents.get(model.inside(node.input[1])) ?? []
    if (node.opType !== 'Reshape' || sizes.some((size, k) => size === INFERRED && k !== axis))
      throw refuse(this.decoder, `has a size in "${node.name}" (${node.opType}) that depends on the batch`)
    return INFERRED
  }

  private resizeSplit(node: NodeProto, block: FollowedBlock, gone: Gone): void {
    const own = axesOf(block, node.input[0])
    const given = intAttribute(node, 'axis', 0)
    const along = given < 0 ? given + own.length : given
    const sizes = node.output.map((output) => changedAxes(axesOf(block, output), gone).get(along))
    const told = new Map(sizes.flatMap((size, k) => (size === undefined ? [] : [[k, size] as const])))
    if (told.size > 0 && node.input[1]) this.tell(node, 1, node.output.length, told)
  }

  private resizeSlice(node: NodeProto, block: FollowedBlock, gone: Gone): void {
    const { model, observed } = block
    const content = (slot: number) => {
      const value = node.input[slot]
      return value ? observed.contents.get(model.inside(value)) : undefined
    }
    const starts = content(1) ?? []
    const axes = content(3) ?? starts.map((_, axis) => axis)
    const steps = content(4) ?? starts.map(() => 1)
    const own = axesOf(block, node.input[0])
    const [from, to] = [new Map<number, number>(), new Map<number, number>()]
    for (const [k, given] of axes.entries()) {
      const axis = given < 0 ? given + own.length : given
      const places = own[axis]
      if (places === null || places === undefined || !places.some((label) => gone(label))) continue
      if (steps[k] !== 1) throw refuse(this.decoder, `picks some of what is removed in "${node.name}" (Slice)`)
      const start = starts[k] < 0 ? starts[k] + places.length : starts[k]
      const count = observed.shapes.get(model.inside(node.output[0]))?.[axis] ?? 0
      const kept = (labels: Int32Array) => labels.reduce((sum, label) => sum + (gone(label) ? 0 : 1), 0)
      from.set(k, kept(places.subarray(0, start)))
      to.set(k, kept(places.subarray(0, start + count)))
    }
    if (from.size === 0) return
    this.tell(node, 1, starts.length, from)
    this.tell(node, 2, starts.length, to)
  }

  /**
   * Changes some elements of a small integer operand: in a copy of it where it is an initializer, else by a Where behind
   * what computes it.
   */
  private tell(node: NodeProto, slot: number, length: number, changes: ReadonlyMap<number, number>): void {
    const copy = this.copyOf(node)
    const { graph, initializers } = this.sliced
    const name = copy.input[slot]
    const literal = initializers.get(name)
    const numbers = Array.from({ length }, (_, k) => changes.get(k) ?? 0)
    const fresh = (wanted: string) => freshName(graph, this.taken, `${copy.name || node.output[0]}/${wanted}`)
    if (literal?.data.kind === 'memory' && literal.dataType === DATA_TYPE.int64) {
      const elements = new BigInt64Array(Uint8Array.from(literal.data.bytes).buffer)
      for (const [k, size] of changes) elements[k] = BigInt(size)
      copy.input[slot] = this.integers(fresh('sizes'), elements)
      return
    }
    const told = this.integers(fresh('sizes'), BigInt64Array.from(numbers, BigInt))
    const which = fresh('changed')
    initializers.set(which, {
      name: which,
      dims: [length],
      dataType: DATA_TYPE.bool,
      data: { kind: 'memory', bytes: Uint8Array.from(numbers, (_, k) => Number(changes.has(k))) },
    })
    const value = fresh('resized')
    const where = makeNode('Where', [which, told, name], [value], { name: value })
    graph.node.splice(graph.node.indexOf(copy), 0, where)
    copy.input[slot] = value
  }

  private integers(name: string, elements: BigInt64Array): string {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
    this.sliced.initializers.set(name, {
      name,
      dims: [elements.length],
      dataType: DATA_TYPE.int64,
      data: { kind: 'memory', bytes },
    })
    return name
  }

  /** Shapes of graph inputs and outputs: the past that a block joins to its keys and values, and what it hands on. */
  private declareShapes(block: FollowedBlock, gone: Gone): void {
    const { graph } = this.sliced
    const { model } = block
    for (const [k, { name }] of graph.output.entries())
      if (model.holds(name)) graph.output[k] = declared(graph.output[k], changedAxes(axesOf(block, name), gone))
    for (const { opType, input, output } of this.decoder.index.nodes) {
      if (opType !== 'Concat' || !model.holds(output[0])) continue
      const changed = changedAxes(axesOf(block, output[0]), gone)
      for (const [k, { name }] of graph.input.entries())
        if (input.includes(name)) graph.input[k] = declared(graph.input[k], changed)
    }
  }
}

/** What Reshape computes from the other sizes. */
const INFERRED = -1

/** Whether windows were merged with the places of an axis, as [windows * heads, ...]: the places repeat for each window. */
function holdsWindows({ followed: { labels } }: FollowedBlock, axis: Axis): boolean {
  if (axis === null || axis.length % WINDOWS !== 0) return false
  const each = axis.length / WINDOWS
  return axis.every((label, place) => labels.same(label, axis[place % each]))
}

/** Whether a label's class is removed. */
type Gone = (label: number) => boolean

function axesOf({ model, followed }: FollowedBlock, value: string): readonly Axis[] {
  return model.holds(value) ? (followed.axes.get(model.inside(value)) ?? []) : []
}

function removedLabels({ model, followed }: FollowedBlock, removed: readonly RemovedUnits[]): Gone {
  const roots = new Set<number>()
  for (const { structure, units } of removed) {
    const [{ tensor, axis, places }] = structure.members
    const labels = followed.axes.get(model.weights.get(tensor) ?? tensor)?.[axis]
    if (!labels) throw new Error(`"${tensor}" was not followed`)
    for (const unit of units) for (const place of places[unit]) roots.add(followed.labels.find(labels[place]))
  }
  return (label) => roots.has(followed.labels.find(label))
}

/** By axis that gets shorter, what is left of it. */
function changedAxes(axes: readonly Axis[], gone: Gone): Map<number, number> {
  const changed = new Map<number, number>()
  for (const [axis, labels] of axes.entries()) {
    const kept = labels?.reduce((sum, label) => sum + (gone(label) ? 0 : 1), 0)
    if (kept !== undefined && kept !== labels?.length) changed.set(axis, kept)
  }
  return changed
}

function placesByTensor(removed: readonly RemovedUnits[]): Map<string, Map<number, Set<number>>> {
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

function declared(info: ValueInfoProto, changed: ReadonlyMap<number, number>): ValueInfoProto {
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

function refuse({ directory }: Decoder, why: string): InputError {
  return new InputError({
    code: 'SLICE_UNKNOWN',
    what: `${directory.onnx} ${why}: it cannot be made smaller`,
    hint: 'Export the model with plain ONNX operators and without branches, for example with Optimum (--task text-generation, float32).',
  })
}
