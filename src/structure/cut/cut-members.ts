/** Cuts the members of structures out of the tensors of a block. */
import type { GraphIndex } from '../../onnx/graph.ts'
import { cutTensor, type TensorRef } from '../../onnx/tensor.ts'
import type { RemovedUnits } from '../find/removal.ts'
import { refuse } from './refusal.ts'
import type { Slicer } from './slicer.ts'

/** @throws {InputError} SLICE_UNKNOWN */
export function cutMembers(slicer: Slicer, block: number, removed: readonly RemovedUnits[]): void {
  const { decoder } = slicer
  for (const [name, axes] of placesByTensor(removed)) {
    const stored = decoder.lowered.stored.get(name)
    if (stored === undefined) throw refuse(decoder, `holds a constant inside block ${block} that would have to be cut`)
    let cut: TensorRef = stored
    for (const [axis, places] of axes) {
      const all = Array.from({ length: stored.dims[axis] }, (_, place) => place)
      cut = cutTensor(
        cut,
        axis,
        all.filter((place) => !places.has(place)),
      )
    }
    replace(slicer, block, name, [stored, cut])
  }
}

/** The places that are cut away, by tensor and axis. */
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

/**
 * Exporters store equal tensors once, so a tensor that other blocks read stays unchanged, and this block gets a copy.
 */
function replace(
  slicer: Slicer,
  block: number,
  name: string,
  [stored, cut]: [stored: TensorRef, cut: TensorRef],
): void {
  const { copy, decoder } = slicer
  const { index, cut: parts } = decoder
  const own = new Set(parts.blocks[block].nodes)
  const uses = index.uses(name)
  if (uses.every(({ node }) => own.has(node) || isPassing(index, node, own))) {
    copy.replace(stored, cut)
    return
  }
  if (uses.some(({ node }) => index.isConstantNode(node)))
    throw refuse(decoder, `computes with "${stored.name}" for several blocks at once`)
  const fresh = copy.add(`${stored.name}_${block}`, cut)
  for (const { node, slot } of uses) if (own.has(node)) slicer.copyOf(index.nodes[node]).input[slot] = fresh
}

/** Whether only these nodes read the output of a constant node (Transpose, Cast). */
function isPassing(index: GraphIndex, node: number, own: ReadonlySet<number>): boolean {
  if (!index.isConstantNode(node)) return false
  const readers = index.nodes[node].output.flatMap((output) => index.uses(output))
  return readers.every((reader) => own.has(reader.node) || isPassing(index, reader.node, own))
}
