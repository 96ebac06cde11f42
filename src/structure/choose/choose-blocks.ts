/**
 * Chooses whole blocks to remove: those whose layers matter least to the loss. Depth pruning by the importance of
 * LLM-Pruner is Shortened LLaMA's (Kim et al. 2024, arXiv 2402.02834), section 3.
 */

import { ceilShare, PPM } from '../../base/decimal.ts'
import { lowestUnits, unitsToRemove } from '../../form/units.ts'
import type { WeightGradients } from '../../model/backward/gradients.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Amount } from './amount.ts'
import { visitBlocks, type WeightJob } from './choose-removal.ts'
import { type Importance, placeScores } from './importance.ts'
import { randomScores } from './random-scores.ts'

type BlocksJob = Omit<WeightJob, 'reduction' | 'ppm' | 'steps'>

/** How many blocks of a range go: whole ones only, none where it would be less than one, and never all of them. */
export function blocksToRemove(decoder: Decoder, [from, to]: BlocksJob['blocks'], amount: Amount): number {
  const weights = (block: number) =>
    decoder.cut.blocks[block].layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  if ('gone' in amount) return unitsToRemove(to - from, weights(from), amount.gone)
  const each = Array.from({ length: to - from }, (_, k) => weights(from + k)).reduce((a, b) => a + b) / (to - from)
  const count = Math.ceil(ceilShare(decoder.parameters, PPM - amount.left) / each)
  return count < to - from ? count : 0
}

/**
 * So many blocks of the range with the lowest scores, ascending.
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function chooseBlocks(decoder: Decoder, count: number, job: BlocksJob): Promise<number[]> {
  if (count === 0) return []
  const [from] = job.blocks
  return lowestUnits(await blockScores(decoder, job), count).map((block) => from + block)
}

/** Stands for a block's number when blocks themselves are drawn. */
const WHOLE_BLOCKS = -1

/** One score a block of the range, in order. @throws {InputError} OPERATOR_NO_GRADIENT */
export async function blockScores(decoder: Decoder, job: BlocksJob): Promise<Float64Array> {
  const [from, to] = job.blocks
  const { importance, seed = 0 } = job
  if (importance === 'random') return randomScores(to - from, seed, WHOLE_BLOCKS, 0)
  const scores = new Float64Array(to - from)
  await visitBlocks(decoder, job, (block, gradients) => {
    scores[block - from] = blockScore(decoder, block, importance, gradients)
  })
  return scores
}

/**
 * The score of a block: a sum over every weight of its layers, for `taylor1` of |w g|, for `taylor2` of w^2 times the
 * mean squared gradient of a sample, for `l2` of w^2; for `vector` a sum over every output feature of |sum of w g|.
 */
function blockScore(
  decoder: Decoder,
  block: number,
  importance: Importance,
  gradients: WeightGradients | undefined,
): number {
  const weights = decoder.baseWeights(block)
  return decoder.cut.blocks[block].layers.reduce((sum, layer, role) => {
    const { name: tensor, dims } = layer.weight
    const stored = decoder.storedLayout(layer, weights[role])
    const member = { tensor, axis: layer.stored === 'out-in' ? 0 : 1, places: [] }
    const gradient = gradients?.get(tensor)
    const scores = placeScores({ member, dims: [dims[0], dims[1]], weight: stored, gradient }, importance)
    return scores.reduce((all, score) => all + score, sum)
  }, 0)
}
