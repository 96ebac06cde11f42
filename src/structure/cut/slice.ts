/**
 * A model without the removed units: its tensors are smaller, and every size in the graph that depends on them is
 * changed. The labels of axes say where to cut, so the code knows no architecture.
 */

import type { Decoder } from '../../model/forward/decoder.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import type { FollowedBlock } from '../find/follow-blocks.ts'
import type { RemovedUnits } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'
import { cutMembers } from './cut-members.ts'
import { FileCopy } from './file-copy.ts'
import { refuse } from './refusal.ts'
import { removedLabels } from './removed-labels.ts'
import { resizeNodes } from './resize-nodes.ts'
import { Slicer } from './slicer.ts'

/**
 * The graph of `decoder`'s file with units removed, weights still by reference. `decoder` stays as it is.
 * @param blocks - as followBlocks gives them
 * @param removed - the removed units of each block; undefined: none
 * @throws {InputError} SLICE_UNKNOWN: a graph that this cannot rewrite
 */
export function sliceStructures(
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
  const slicer = new Slicer(copy, followed, removedLabels(followed, units))
  cutMembers(slicer, block, units)
  resizeNodes(slicer)
}

function assertAllFollowed(decoder: Decoder, blocks: readonly FollowedBlock[]): void {
  assertBranches(decoder, [decoder, ...blocks.flatMap(({ continued }) => continued?.decoder ?? [])])
}

/**
 * Refuses a branch that is never taken: it would keep its sizes, among tensors with new ones.
 * @param views - one entry for each branch that was followed
 */
export function assertBranches(decoder: Decoder, views: readonly Decoder[]): void {
  const nodes = new Set([...new Set(views)].flatMap(({ lowered }) => [...lowered.origin.values()]))
  const unseen = [...decoder.model.subgraphs.keys()].find(({ node }) => node.some((each) => !nodes.has(each)))
  if (unseen) throw refuse(decoder, `has an If whose branch "${unseen.name}" is never taken`)
}

/** The same units of the same structures, as tensors and labels of the other branch. */
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
