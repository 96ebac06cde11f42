/** The coupled structures of a decoder, block by block, with their members as tensors of the model. */

import type { Decoder } from '../../model/forward/decoder.ts'
import { outputsOf, type Values } from '../../model/forward/sessions.ts'
import type { Part } from '../../model/graph/cut.ts'
import type { PartModel } from '../../model/graph/part.ts'
import { observeShapes } from '../../model/graph/shapes.ts'
import type { GraphProto } from '../../onnx/generated/onnx_pb.js'
import type { Observed } from '../../onnx/gradient/tape.ts'
import { isFused, unfuse } from '../../onnx/operators/unfuse.ts'
import { type Followed, followAxes, followEmbedding } from './follow.ts'
import { findStructures, type Structure } from './structure.ts'
import type { GroupQueries } from './walk.ts'

/**
 * Sizes of the run that shows the shapes. They differ from each other and from sizes of models, so that no axis is
 * mistaken for another.
 */
const WINDOWS = 5
const WINDOW = 7

/** The number of windows in that run. */
export function tracedWindows({ fixed }: Decoder): number {
  return fixed.batch ?? WINDOWS
}

/** A part of the model, and its axes as they were followed. */
export interface FollowedPart {
  part: Part
  /** The part as it was followed, in canonical names. */
  model: PartModel
  followed: Followed
  observed: Observed
  /** The decoder of the part. In models with branches, each branch has an opening of the file of its own. */
  decoder: Decoder
}

export interface FollowedBlock extends FollowedPart {
  structures: Structure[]
  /** The same block in the branch that continues a text, where the model has branches. */
  continued: FollowedBlock | undefined
}

/**
 * One array of structures a block. The tensor of a member is the name of an initializer of `decoder.lowered.model`, or
 * of a constant of the block.
 */
export async function structuresOf(decoder: Decoder, groupQueries: GroupQueries = 'kv'): Promise<Structure[][]> {
  return (await followBranch(decoder, groupQueries)).blocks.map(({ structures }) => structures)
}

export async function followBlocks(decoder: Decoder, groupQueries: GroupQueries = 'kv'): Promise<FollowedBlock[]> {
  const { blocks } = await followBranch(decoder, groupQueries)
  const other = decoder.otherBranch()
  if (other === undefined) return blocks
  const { blocks: continued } = await followBranch(other, groupQueries)
  await other.close()
  return blocks.map((block, k) => ({ ...block, continued: continued[k] }))
}

/** For each branch of the file, the parts in order: they make the stream, add to it and read it. */
export async function followParts(decoder: Decoder): Promise<[FollowedPart, ...FollowedBlock[], FollowedPart][]> {
  const parts = await followWhole(decoder)
  const other = decoder.otherBranch()
  if (other === undefined) return [parts]
  const continued = await followWhole(other)
  await other.close()
  return [parts, continued]
}

async function followWhole(decoder: Decoder): Promise<[FollowedPart, ...FollowedBlock[], FollowedPart]> {
  const { embedding, head } = decoder.cut
  const { blocks, values } = await followBranch(decoder, 'kv')
  const outer = async (part: Part): Promise<FollowedPart> => {
    const model = decoder.sessions.partModelOf(part, outputsOf(part), values)
    const { graph, observed } = await observe(decoder, model, values)
    const stream = model.values.get(part.enters ?? '')
    const followed = stream === undefined ? followEmbedding(graph, observed) : followAxes(graph, observed, stream)
    return { part, model, followed, observed, decoder }
  }
  const [first, last] = [await outer(embedding), await outer(head)]
  decoder.sessions.dropOuterWeights()
  return [first, ...blocks, last]
}

async function followBranch(
  decoder: Decoder,
  groupQueries: GroupQueries,
): Promise<{ blocks: FollowedBlock[]; values: Values }> {
  const { embedding, blocks } = decoder.cut
  const [windows, window] = [tracedWindows(decoder), decoder.fixed.window ?? WINDOW]
  const values = decoder.graphInputs(new BigInt64Array(windows * window), windows, window)
  for (const [name, tensor] of await decoder.sessions.runPart(embedding, values)) values.set(name, tensor)
  const known = new Map<string, Pick<FollowedBlock, 'structures' | 'followed' | 'observed'>>()
  const found: FollowedBlock[] = []
  for (const [block, part] of blocks.entries()) {
    const model = decoder.sessions.partModelOf(part, outputsOf(part), values)
    const stream = model.values.get(part.enters ?? '')
    if (stream === undefined) throw new Error('a block that does not read the stream')
    let alike = known.get(model.key)
    if (alike === undefined) {
      const { graph, observed } = await observe(decoder, model, values, block)
      const followed = followAxes(graph, observed, stream, groupQueries)
      alike = { structures: findStructures(graph, followed), followed, observed }
      known.set(model.key, alike)
    }
    const structures = alike.structures.map((structure) => renamed(structure, model))
    found.push({ ...alike, part, model, structures, decoder, continued: undefined })
    const made = await decoder.sessions.exclusive(() =>
      decoder.sessions.runPart(part, values, decoder.sessions.blockTensors(block)),
    )
    for (const [name, tensor] of made) values.set(name, tensor)
  }
  return { blocks: found, values }
}

/** @param block - undefined: embedding or head */
async function observe(
  decoder: Decoder,
  model: PartModel,
  values: Values,
  block?: number,
): Promise<{ graph: GraphProto; observed: Observed }> {
  return decoder.sessions.exclusive(async () => {
    const feeds = decoder.sessions.feeds(
      model,
      values,
      block === undefined ? undefined : decoder.sessions.blockTensors(block),
    )
    const { threads } = decoder
    const { proto } = model
    const plain = isFused(proto) ? unfuse(proto, await observeShapes(proto, feeds, threads)) : proto
    if (plain.graph === undefined) throw new Error('a part without a graph')
    return { graph: plain.graph, observed: await observeShapes(plain, feeds, threads) }
  })
}

/** Translates the part's names of weights to the model's. */
function renamed(structure: Structure, { weights }: PartModel): Structure {
  const names = new Map([...weights].map(([initializer, name]) => [name, initializer]))
  const members = structure.members.map((member) => ({ ...member, tensor: names.get(member.tensor) ?? member.tensor }))
  return { ...structure, members }
}
