/**
 * FLAP's adaptive structure search (An et al. 2023, arXiv 2312.11983). Scores are standardised within each structure,
 * and then compared among all structures of all blocks. A unit has the mean of its places' scores, and costs its
 * weights; the lowest units are removed up to the share of weights that is asked for. Blocks that fluctuate alike
 * everywhere lose more than others.
 *
 * As in the authors' program the scores of heads are squared before they are standardised, which spares heads
 * (SmolLM2-135M with a third of blocks 4 to 25 removed, 4,096 tokens: perplexity 178 instead of 206).
 */
import { floorShare } from '../../base/decimal.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'

/** One structure of a block, with its scores. */
export interface Fluctuating {
  block: number
  structure: Structure
  /** One array a unit: the scores of its places. */
  scores: Float64Array[]
}

interface Candidate {
  /** Index of the structure. */
  at: number
  unit: number
  score: number
}

/** The units to remove, one array a structure, each ascending: never all units of a structure. */
export function adaptiveUnits(decoder: Decoder, found: readonly Fluctuating[], ppm: number): number[][] {
  const costs = found.map(({ block, structure }) => weightsOfUnit(decoder, block, structure))
  const total = found.reduce((sum, { structure }, at) => sum + structure.units * costs[at], 0)
  const candidates = found.flatMap(({ structure, scores }, at) =>
    standardisedScores(structure, scores).map((score, unit): Candidate => ({ at, unit, score })),
  )
  candidates.sort((a, b) => a.score - b.score || a.at - b.at || a.unit - b.unit)
  const gone: number[][] = found.map(() => [])
  let left = floorShare(total, ppm)
  for (const { at, unit } of candidates) {
    if (costs[at] > left || gone[at].length + 1 === found[at].structure.units) continue
    gone[at].push(unit)
    left -= costs[at]
  }
  return gone.map((units) => units.sort((a, b) => a - b))
}

/** The scores of a structure's units, standardised over all its places to a mean of 0 and a sample variance of 1. */
export function standardisedScores({ kind }: Pick<Structure, 'kind'>, scores: readonly Float64Array[]): number[] {
  const raised = kind === 'heads' ? scores.map((own) => own.map((score) => score * score)) : scores
  const count = sumOf(raised, () => 1)
  const mean = sumOf(raised, (score) => score) / count
  const deviation = Math.sqrt(sumOf(raised, (score) => (score - mean) ** 2) / (count - 1))
  if (!(deviation > 0)) return raised.map(() => 0)
  return raised.map((own) => sumOf([own], (score) => (score - mean) / deviation) / own.length)
}

function sumOf(scores: readonly Float64Array[], of: (score: number) => number): number {
  return scores.reduce((sum, own) => own.reduce((inner, score) => inner + of(score), sum), 0)
}

/** The number of layer weights that are removed with a unit. */
function weightsOfUnit(decoder: Decoder, block: number, { members }: Structure): number {
  const { layers } = decoder.cut.blocks[block]
  return members.reduce((sum, { tensor, axis, places: [first] }) => {
    const layer = layers.find(({ weight }) => weight.name === tensor)
    return sum + (layer ? first.length * layer.weight.dims[1 - axis] : 0)
  }, 0)
}
