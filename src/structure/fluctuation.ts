/**
 * FLAP (An et al. 2023, arXiv 2312.11983): what hardly changes from token to token can be replaced by its mean. No
 * gradient is needed: the base's own stream passes once. A place j that layers W read scores
 *
 *   var(x_j) |W_:j|^2      (section 3.3; var: the sample variance over calibration tokens)
 *
 * added over the places of a unit, queries that share keys included. What is removed leaves its mean behind, as a bias
 * (section 3.2): W_:j mean(x_j).
 *
 * Deviations from the authors' program: heads' scores are not squared there before they are added (they are, without a
 * reason in the paper); and each block loses its share, as with the other importances, where FLAP standardises scores and
 * compares those of all blocks.
 */
import type { Decoder } from '../model/decoder.ts'
import type { Shifts } from '../model/shift.ts'
import { Stream } from '../model/stream.ts'
import type { InputStatistics } from '../model/totals.ts'
import { lowestUnits, placesPerUnit, unitsToRemove } from './choose.ts'
import type { Removal, RemovalJob, RemovedUnits } from './removal.ts'
import type { Structure } from './structures.ts'
import { readersOf } from './zeroed.ts'

/** By block of the range, ascending, with what takes the place of what goes. */
export async function removalsByFluctuation(
  decoder: Decoder,
  structures: readonly Structure[][],
  { windows, blocks: [from, to], ratio, signal }: Pick<RemovalJob, 'windows' | 'blocks' | 'ratio' | 'signal'>,
): Promise<Removal[]> {
  const stream = await Stream.start(decoder, windows)
  const removals: Removal[] = []
  for (let block = 0; block < to; block++) {
    if (block >= from) {
      const inputs = await stream.observe(block, 'moments', signal)
      const moments = decoder.forms[block].layers.map(({ input }) => momentsOf(inputs[input], stream.tokens))
      const weights = decoder.baseWeights(block)
      const removed = structures[block].map((structure): RemovedUnits => {
        const scores = fluctuations(decoder, block, structure, { weights, moments })
        const count = unitsToRemove(structure.units, placesPerUnit(decoder, block, structure), ratio)
        return { structure, units: lowestUnits(scores, count) }
      })
      removals.push({ block, removed, shifts: means(decoder, block, removed, { weights, moments }) })
    }
    if (block + 1 < to) await stream.pass(block, undefined, signal)
  }
  return removals
}

/** Of one input of a layer, [cols] each. */
export interface Moments {
  mean: Float64Array
  /** Of a sample: over tokens - 1. */
  variance: Float64Array
}

export function momentsOf({ sums, sumSquares }: InputStatistics, tokens: number): Moments {
  if (sums === undefined) throw new RangeError('moments were not asked for')
  const mean = sums.map((sum) => sum / tokens)
  const variance = sumSquares.map((sum, j) => Math.max(0, sum - tokens * mean[j] * mean[j]) / (tokens - 1))
  return { mean, variance }
}

/** By role. */
interface Known {
  /** Row-major [rows, cols]. */
  weights: readonly Float32Array[]
  moments: readonly Moments[]
}

/** One score for each unit. */
function fluctuations(
  decoder: Decoder,
  block: number,
  structure: Structure,
  { weights, moments }: Known,
): Float64Array {
  const scores = new Float64Array(structure.units)
  for (const { role, member } of readersOf(decoder, block, structure)) {
    const { cols } = decoder.forms[block].layers[role]
    const squares = new Float64Array(cols)
    for (const [i, w] of weights[role].entries()) squares[i % cols] += w * w
    for (const [unit, places] of member.places.entries())
      for (const j of places) scores[unit] += moments[role].variance[j] * squares[j]
  }
  return scores
}

/** By product of a layer, what its removed inputs gave to each of its outputs on average. */
function means(decoder: Decoder, block: number, removed: readonly RemovedUnits[], { weights, moments }: Known): Shifts {
  const { index, cut } = decoder
  const shifts = new Map<string, Float32Array>()
  for (const { structure, units } of removed) {
    if (units.length === 0) continue
    for (const { role, member } of readersOf(decoder, block, structure)) {
      const { node, rows, cols } = cut.blocks[block].layers[role]
      const columns = units.flatMap((unit) => member.places[unit])
      const shift = Float32Array.from({ length: rows }, (_, row) =>
        columns.reduce((sum, j) => sum + weights[role][row * cols + j] * moments[role].mean[j], 0),
      )
      const [product] = index.nodes[node].output
      const other = shifts.get(product)
      shifts.set(product, other ? shift.map((value, row) => value + other[row]) : shift)
    }
  }
  return shifts
}
