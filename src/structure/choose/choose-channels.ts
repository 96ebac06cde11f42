/**
 * Chooses hidden channels to remove: one set for the whole model, those that matter least to the loss in all tensors
 * together. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.2, for its third kind of group. A channel is credited
 * its row or column of each matrix, its column of an embedding over the vocabulary, and its scale of each norm; biases
 * count for nothing.
 *
 * Deviation from the authors' program: a tensor that embedding and head share counts once, with both gradients added.
 */

import { ceilShare, PPM } from '../../base/decimal.ts'
import { lowestUnits, placesToRemove } from '../../form/units.ts'
import type { Windows } from '../../form/windows.ts'
import { addGradient, type GradientJob, LossGradients, type WeightGradients } from '../../model/backward/gradients.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { someWindows } from '../../model/text/text.ts'
import type { GraphIndex } from '../../onnx/graph.ts'
import { operatorOf } from '../../onnx/operators/table.ts'
import { elementCount, readFloats } from '../../onnx/tensor.ts'
import type { Amount } from './amount.ts'
import type { WeightJob } from './choose-removal.ts'
import { axisScores, type Importance, type Reduction } from './importance.ts'
import { randomScores } from './random-scores.ts'
import type { Width, WidthMember } from './width.ts'

export type ChannelsJob = Omit<WeightJob, 'blocks' | 'ppm' | 'steps'>

/** Stands for a block's number when the channels of the whole model are drawn. */
const WHOLE_MODEL = -2

/** How many channels of the whole model go; one stays at least. */
export function channelsToRemove({ parameters }: Decoder, { channels, members }: Width, amount: Amount): number {
  if ('gone' in amount) return placesToRemove(channels, amount.gone)
  const each = members.reduce((sum, { tensor }) => sum + elementCount(tensor.dims), 0) / channels
  return Math.min(channels - 1, Math.ceil(ceilShare(parameters, PPM - amount.left) / each))
}

/** So many with the lowest scores, ascending. @throws {InputError} OPERATOR_NO_GRADIENT */
export async function chooseChannels(
  decoder: Decoder,
  width: Width,
  count: number,
  job: ChannelsJob,
): Promise<number[]> {
  return count === 0 ? [] : lowestUnits(await channelScores(decoder, width, job), count)
}

/** One score a channel. @throws {InputError} OPERATOR_NO_GRADIENT */
export async function channelScores(
  decoder: Decoder,
  { channels, members, branches: [parts] }: Width,
  { importance, seed = 0, reduction, windows, perBatch, signal }: ChannelsJob,
): Promise<Float64Array> {
  if (importance === 'random') return randomScores(channels, seed, WHOLE_MODEL, 0)
  const counted = members
    .filter((member) => isCounted(decoder.index, member))
    .map((member): Scored => ({ member, scores: new Float64Array(member.channels.length) }))
  const names = new Set(counted.map(({ member }) => member.tensor.name))
  const add = (name: string, gradient?: Float32Array) => {
    for (const { member, scores } of counted) {
      if (member.tensor.name !== name) continue
      for (const [place, score] of placesOf(member, importance, gradient).entries()) scores[place] += score
    }
  }
  const isShared = (name: string) => parts.filter(({ model }) => model.weights.has(name)).length > 1
  const shared = new Set([...names].filter(isShared))
  const losses = new LossGradients(decoder)
  const visit = (some: Windows, visitor: Visitor) =>
    visitWhole(losses, shared, { windows: some, perBatch, signal }, visitor)
  if (importance === 'l2') for (const name of names) add(name)
  else if (importance === 'taylor2') await visitSquares(windows, visit, add)
  else await visit(windows, add)
  return reduced(counted, channels, reduction)
}

type Visitor = (name: string, gradient: Float32Array) => void

/** Visits the squares of gradients, sample by sample. They add up to the mean square. */
async function visitSquares(
  windows: Windows,
  visit: (sample: Windows, visitor: Visitor) => Promise<void>,
  visitor: Visitor,
): Promise<void> {
  for (let sample = 0; sample < windows.count; sample++)
    await visit(someWindows(windows, sample, 1), (name, gradient) => {
      const square = gradient.map((g) => (g * g) / windows.count)
      visitor(name, square)
    })
}

/**
 * Visits the gradient of each tensor once, whole: the gradients of a tensor that several parts read are added first.
 */
async function visitWhole(
  losses: LossGradients,
  shared: ReadonlySet<string>,
  job: Pick<GradientJob, 'windows' | 'perBatch' | 'signal'>,
  visitor: Visitor,
): Promise<void> {
  const sums: WeightGradients = new Map()
  await losses.run({
    ...{ ...job, of: 'all' },
    onPart(_, gradients) {
      for (const [name, gradient] of gradients)
        if (shared.has(name)) addGradient(sums, name, gradient)
        else visitor(name, gradient)
    },
  })
  for (const [name, gradient] of sums) visitor(name, gradient)
}

/** The scores of a tensor's places along its axis. @param gradient - see importance.ts */
function placesOf(
  { tensor, axis, channels }: WidthMember,
  importance: Importance,
  gradient: Float32Array | undefined,
): Float64Array {
  const [before, behind] = [tensor.dims.slice(0, axis), tensor.dims.slice(axis + 1)].map(elementCount)
  return axisScores({ weight: readFloats(tensor), gradient }, [before, channels.length, behind], importance)
}

interface Scored {
  member: WidthMember
  /** One score a place along the member's axis. */
  scores: Float64Array
}

/** The scores of the members reduced to one score a channel. */
function reduced(members: readonly Scored[], channels: number, reduction: Reduction): Float64Array {
  const all = new Float64Array(channels)
  for (const { member, scores } of members)
    for (const [place, channel] of member.channels.entries()) {
      if (channel < 0) continue
      all[channel] = reduction === 'sum' ? all[channel] + scores[place] : Math.max(all[channel], scores[place])
    }
  return all
}

function isVector({ tensor, channels }: WidthMember): boolean {
  return elementCount(tensor.dims) === channels.length
}

/** Whether a member counts: matrices and scales of norms do. */
function isCounted(index: GraphIndex, member: WidthMember): boolean {
  return !isVector(member) || isScale(index, member.tensor.name)
}

/** Whether a value, as it is or after constant nodes, multiplies another value. */
function isScale(index: GraphIndex, value: string): boolean {
  return index.uses(value).some(({ node, slot }) => {
    if (index.isConstantNode(node)) return index.nodes[node].output.some((output) => isScale(index, output))
    const own = index.nodes[node]
    return own.opType === 'Mul' || (operatorOf(own)?.axes === 'norm' && slot === 1)
  })
}
