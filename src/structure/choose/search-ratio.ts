/**
 * Chooses heads and channels to remove so that a given share of a model's parameters is left. LLM-Pruner leaves range
 * and ratio to the user (its appendix spares the first blocks and the last). This search tries candidates of both on
 * held-out windows and keeps the one with the lowest loss.
 */
import { floorShare, PPM, ppmToFraction } from '../../base/decimal.ts'
import { InputError } from '../../base/errors.ts'
import { lowestOfGroups } from '../../form/units.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { perplexity } from '../../model/forward/perplexity.ts'
import type { Removal } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'
import { zeroedWeights } from '../find/zero-readers.ts'
import { parametersOfUnit } from './describe.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

/** The numbers of blocks that are spared at the beginning and at the end. */
const SPARED: readonly (readonly [first: number, last: number])[] = [
  [0, 0],
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 4],
]

interface ReachJob {
  /** One array a block. */
  structures: readonly (readonly Structure[])[]
  /** One array a block, with one array a structure, with one score a unit. */
  scores: readonly (readonly Float64Array[])[]
  /** Share of the parameters that is to be left, in parts per million. */
  left: number
  /** Blocks of which units may be removed; undefined: several ranges are tried. */
  blocks: readonly [from: number, to: number] | undefined
  /** Held-out windows: the importances were not measured on them. */
  held: Windows
  signal?: AbortSignal
  onTried?: (tried: number, total: number) => void
}

export interface Reached {
  removals: Removal[]
  /** The share of the places of each structure that is removed, in parts per million. */
  gone: number
  blocks: readonly [from: number, to: number]
}

interface Candidate {
  blocks: readonly [from: number, to: number]
  kinds: readonly Structure['kind'][]
}

/**
 * Tries the candidates and returns the best one.
 * @throws {InputError} PARAMETERS_FEW: even without nearly all heads and channels more parameters would be left
 */
export async function reachParameters(decoder: Decoder, job: ReachJob): Promise<Reached> {
  const reached = candidates(job).flatMap((candidate) => reach(decoder, job, candidate) ?? [])
  if (reached.length === 0) throw tooFew(decoder, job.left)
  let best = { harm: Number.POSITIVE_INFINITY, choice: reached[0] }
  for (const [tried, choice] of reached.entries()) {
    job.onTried?.(tried, reached.length)
    const removedOf = new Map(choice.removals.map(({ block, removed }) => [block, removed]))
    const weightsOf = (block: number) => {
      const removed = removedOf.get(block)
      return removed && zeroedWeights(decoder, block, removed)
    }
    const { perplexity: harm } = await perplexity(decoder, job.held, weightsOf, { signal: job.signal })
    if (harm < best.harm) best = { harm, choice }
  }
  return best.choice
}

/** The ranges to try, each with all kinds of structures and with channels alone. */
function candidates({ structures, blocks }: ReachJob): Candidate[] {
  const count = structures.length
  const ranges = blocks === undefined ? SPARED.map(([first, last]) => [first, count - last] as const) : [blocks]
  const all: Structure['kind'][] = ['heads', 'queries', 'channels']
  return ranges
    .filter(([from, to]) => from < to)
    .flatMap((range) => [all, ['channels' as const]].map((kinds) => ({ blocks: range, kinds })))
}

/** The smallest share that goes and leaves no more than is asked for; undefined: there is none. */
function reach(decoder: Decoder, job: ReachJob, candidate: Candidate): Reached | undefined {
  const wanted = floorShare(decoder.parameters, job.left)
  let [low, high] = [0, PPM]
  let found: Reached | undefined
  while (high - low > 1) {
    const gone = (low + high) >> 1
    const removals = removalsAt(decoder, job, candidate, gone)
    if (decoder.parameters - parametersOf(decoder, removals) > wanted) low = gone
    else {
      high = gone
      found = { removals, gone, blocks: candidate.blocks }
    }
  }
  return found
}

function removalsAt(
  decoder: Decoder,
  { structures, scores }: ReachJob,
  { blocks: [from, to], kinds }: Candidate,
  ppm: number,
): Removal[] {
  return structures.slice(from, to).map((own, k) => {
    const block = from + k
    const removed = own.map((structure, which) => {
      const count = kinds.includes(structure.kind)
        ? perGroup(structure, placesPerUnit(decoder, block, structure), ppm)
        : 0
      return { structure, units: lowestOfGroups(scores[block][which], structure.groups, count) }
    })
    return { block, removed }
  })
}

function parametersOf(decoder: Decoder, removals: readonly Removal[]): number {
  return removals.reduce(
    (sum, { block, removed }) =>
      removed.reduce(
        (own, { structure, units }) => own + units.length * parametersOfUnit(decoder, block, structure),
        sum,
      ),
    0,
  )
}

function tooFew({ directory, parameters }: Decoder, left: number): InputError {
  return new InputError({
    code: 'PARAMETERS_FEW',
    what: `removing heads and channels leaves more than ${ppmToFraction(left)} of the ${parameters} parameters of ${directory.onnx}`,
    hint: 'Give a larger --parameters; embeddings, norms and a unit of each structure stay.',
  })
}
