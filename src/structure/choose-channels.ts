/**
 * Which hidden channels are removed: one set for the whole model, those that matter least to the loss in all tensors
 * together. Source: LLM-Pruner (Ma, Fang, Wang 2023), section 3.2, for its third kind of group. Of a matrix a channel is
 * credited its row or column, of an embedding its column over the vocabulary, of a norm its scale; biases count for nothing.
 *
 * Deviation from the authors' program: a tensor that embedding and head share counts once, with both gradients added.
 */
import type { Decoder } from '../model/decoder.ts'
import { LossGradients, type WeightGradients } from '../model/gradients.ts'
import type { GraphIndex } from '../onnx/graph.ts'
import { operatorName } from '../onnx/operators.ts'
import { elementCount, readFloats } from '../onnx/tensor.ts'
import { lowestUnits, placesToRemove } from './choose.ts'
import { NORMS } from './follow.ts'
import { axisScores, type Criterion, type Reduction } from './importance.ts'
import { randomScores } from './random-scores.ts'
import type { WeightJob } from './removal.ts'
import type { Width, WidthMember } from './width.ts'

/** Squares of gradients would have to be those of whole windows in the head as well, which goes by parts of one. */
export type ChannelCriterion = Exclude<Criterion, 'taylor2'>

export type ChannelsJob = Omit<WeightJob, 'importance' | 'blocks'> & { importance: ChannelCriterion }

/** In place of a block's number, where the channels of the whole model are drawn. */
const WHOLE_MODEL = -2

/** Ascending. @throws {InputError} OPERATOR_NO_GRADIENT */
export async function chooseChannels(decoder: Decoder, width: Width, job: ChannelsJob): Promise<number[]> {
  const count = placesToRemove(width.channels, job.ratio)
  return count === 0 ? [] : lowestUnits(await channelScores(decoder, width, job), count)
}

/** By channel. */
export async function channelScores(
  decoder: Decoder,
  { channels, members, branches: [parts] }: Width,
  { importance, seed = 0, reduction, windows, perBatch, signal }: Omit<ChannelsJob, 'ratio'>,
): Promise<Float64Array> {
  if (importance === 'random') return randomScores(channels, seed, WHOLE_MODEL, 0)
  const counted = members.filter((member) => isCounted(decoder.index, member))
  const scores = new Float64Array(channels)
  const add = (member: WidthMember, gradient?: Float32Array) =>
    addTo(scores, member, { importance, reduction, gradient })
  if (importance === 'l2') {
    for (const member of counted) add(member)
    return scores
  }
  const isShared = ({ tensor }: WidthMember) => parts.filter(({ model }) => model.weights.has(tensor.name)).length > 1
  const shared: WeightGradients = new Map()
  await new LossGradients(decoder).run({
    ...{ windows, perBatch, signal, of: 'all' },
    onPart(_, gradients) {
      for (const member of counted) {
        const { name } = member.tensor
        const gradient = gradients.get(name)
        if (gradient === undefined) continue
        if (isShared(member)) addGradient(shared, name, gradient)
        else add(member, gradient)
      }
    },
  })
  for (const member of counted) if (shared.has(member.tensor.name)) add(member, shared.get(member.tensor.name))
  return scores
}

function addGradient(sums: WeightGradients, name: string, gradient: Float32Array): void {
  const sum = sums.get(name)
  if (sum === undefined) sums.set(name, gradient)
  else for (const [i, g] of gradient.entries()) sum[i] += g
}

/** How a tensor counts: see importance.ts, whose formulas these are. */
interface Scoring {
  importance: Exclude<ChannelCriterion, 'random'>
  reduction: Reduction
  /** Of the mean loss; undefined: of L2, which needs none. */
  gradient: Float32Array | undefined
}

function addTo(scores: Float64Array, member: WidthMember, { importance, reduction, gradient }: Scoring): void {
  const { tensor, axis, channels } = member
  const [before, behind] = [tensor.dims.slice(0, axis), tensor.dims.slice(axis + 1)].map(elementCount)
  const places = axisScores({ weight: readFloats(tensor), gradient }, [before, channels.length, behind], importance)
  for (const [place, channel] of channels.entries()) {
    const score = places[place]
    if (channel >= 0) scores[channel] = reduction === 'sum' ? scores[channel] + score : Math.max(scores[channel], score)
  }
}

function isVector({ tensor, channels }: WidthMember): boolean {
  return elementCount(tensor.dims) === channels.length
}

/** Matrices and scales of norms. */
function isCounted(index: GraphIndex, member: WidthMember): boolean {
  return !isVector(member) || isScale(index, member.tensor.name)
}

/** Whether something is multiplied by a vector, as it is or after what is done to it alone. */
function isScale(index: GraphIndex, value: string): boolean {
  return index.uses(value).some(({ node, slot }) => {
    if (index.isConstantNode(node)) return index.nodes[node].output.some((output) => isScale(index, output))
    const name = operatorName(index.nodes[node])
    return name === 'Mul' || (NORMS.has(name) && slot === 1)
  })
}
