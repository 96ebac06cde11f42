/**
 * The width of a decoder, its hidden channels: every tensor that has a place for each channel, from the embedding to
 * the head. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.1, the third kind of group.
 */
import type { Decoder } from '../../model/forward/decoder.ts'
import { elementCount, type TensorRef } from '../../onnx/tensor.ts'
import { refuse } from '../cut/refusal.ts'
import { type FollowedPart, followParts } from '../find/follow-blocks.ts'
import type { Axis, Labels } from '../find/labels.ts'

/** An axis of a tensor along which channels lie. */
export interface WidthMember {
  /** The initializer of `decoder.lowered.model`, and the tensor of the file behind it. */
  tensor: TensorRef
  stored: TensorRef
  axis: number
  /** One entry a place along the axis: its channel, or -1 if it belongs to none. */
  channels: Int32Array
}

export interface Width {
  channels: number
  /** One entry for each axis of each tensor of the file. */
  members: WidthMember[]
  /** One array a branch of the file: its embedding, blocks and head. */
  branches: WidthPart[][]
}

interface WidthPart extends FollowedPart {
  /** The channel of a label; -1 if the label belongs to none. */
  channelOf(label: number): number
}

/**
 * Follows the hidden channels through the whole decoder.
 * @throws {InputError} SLICE_UNKNOWN: a node holds or reads channels in a way that is not understood
 */
export async function widthOf(decoder: Decoder): Promise<Width> {
  const branches = (await followParts(decoder)).map((parts) => parts.map(withChannels))
  const members = new Map<TensorRef, WidthMember[]>()
  for (const part of branches.flat()) {
    for (const [name, own] of membersOf(part)) {
      if (own.length === 0) continue
      const [{ stored }] = own
      const known = members.get(stored) ?? own
      if (!alike(known, own)) throw twoWays(part.decoder, name)
      members.set(stored, known)
    }
  }
  for (const part of branches.flat()) assertEverywhere(part, members)
  const [[embedding]] = branches
  return {
    channels: streamOf(embedding, embedding.part.leaves)?.length ?? 0,
    members: [...members.values()].flat(),
    branches,
  }
}

function streamOf({ model, followed }: FollowedPart, value: string): Axis | undefined {
  return followed.axes.get(model.values.get(value) ?? model.inside(value))?.at(-1)
}

/**
 * Gives each channel of a part its label: the stream that enters the part, or that an embedding makes, has one a
 * channel. The stream that leaves the part must have the same labels.
 * @throws {InputError} SLICE_UNKNOWN
 */
function withChannels(followedPart: FollowedPart, position: number, parts: readonly FollowedPart[]): WidthPart {
  const { part, followed, decoder } = followedPart
  const { labels } = followed
  const stream = streamOf(followedPart, part.enters ?? part.leaves)
  if (!stream) throw refuse(decoder, `makes a residual stream that cannot be followed (to "${part.leaves}")`)
  const channels = new Map([...stream].map((label, channel) => [labels.find(label), channel]))
  if (channels.size < stream.length)
    throw refuse(decoder, `couples channels of the residual stream (to "${part.leaves}")`)
  const why = [...stream].map((label) => labels.whyLocked(label)).find((each) => each !== undefined)
  if (why !== undefined) throw refuse(decoder, `reads the residual stream with something unknown: ${why}`)
  const leaves = position < parts.length - 1 ? streamOf(followedPart, part.leaves) : stream
  if (!leaves || !sameLabels(labels, leaves, stream))
    throw refuse(decoder, `changes the hidden channels of the residual stream ("${part.leaves}")`)
  return { ...followedPart, channelOf: (label) => channels.get(labels.find(label)) ?? -1 }
}

function sameLabels(labels: Labels, a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((label, place) => labels.same(label, b[place]))
}

/** The axes along which channels lie, for each initializer that a part reads. */
function membersOf({ model, followed, channelOf, decoder }: WidthPart): Map<string, WidthMember[]> {
  const fed = new Map([...model.weights].map(([name, inside]) => [inside, name]))
  const found = new Map<string, WidthMember[]>([...model.weights.keys()].map((name) => [name, []]))
  const held = new Set(model.proto.graph?.initializer.map(({ name }) => name))
  for (const { opType, output } of model.proto.graph?.node ?? []) if (opType === 'Constant') held.add(output[0])
  for (const [value, axes] of followed.axes) {
    for (const [axis, places] of axes.entries()) {
      const channels = places?.map(channelOf)
      if (!channels?.some((channel) => channel >= 0)) continue
      if (held.has(value))
        throw refuse(decoder, `holds numbers for each hidden channel inside a node or an integer tensor`)
      const name = fed.get(value)
      if (name === undefined) continue
      const tensor = decoder.index.initializers.get(name)
      const stored = decoder.lowered.stored.get(name)
      if (tensor === undefined || stored === undefined)
        throw refuse(decoder, `computes "${name}" from other tensors, so it cannot be cut`)
      if (tensor.dims.length !== 2 && elementCount(tensor.dims) !== tensor.dims[axis])
        throw refuse(decoder, `holds hidden channels in "${name}" [${tensor.dims}], which is no vector or matrix`)
      found.get(name)?.push({ tensor, stored, axis, channels })
    }
  }
  return found
}

function alike(a: readonly WidthMember[], b: readonly WidthMember[]): boolean {
  const form = (members: readonly WidthMember[]) =>
    JSON.stringify(members.map(({ axis, channels }) => [axis, [...channels]]))
  return form(a) === form(b)
}

/** Checks that a tensor that is cut for one reader is cut for all of them. @throws {InputError} SLICE_UNKNOWN */
function assertEverywhere(part: WidthPart, members: ReadonlyMap<TensorRef, readonly WidthMember[]>): void {
  const { decoder } = part
  const inParts = new Set(allParts(decoder).flatMap(({ nodes }) => nodes))
  for (const [name, own] of membersOf(part)) {
    const stored = decoder.lowered.stored.get(name)
    const known = stored && members.get(stored)
    if (known === undefined) continue
    if (!alike(known, own)) throw twoWays(decoder, name)
    const others = decoder.index
      .uses(name)
      .filter(({ node }) => !inParts.has(node) && !decoder.index.isConstantNode(node))
    if (others.length > 0) throw refuse(decoder, `also uses "${name}" for an output other than the logits`)
  }
}

function allParts({ cut: { embedding, blocks, head } }: Decoder) {
  return [embedding, ...blocks, head]
}

function twoWays(decoder: Decoder, name: string) {
  return refuse(decoder, `uses "${name}" both with hidden channels and without`)
}
