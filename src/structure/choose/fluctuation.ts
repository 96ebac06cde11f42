/**
 * FLAP (An et al. 2023, arXiv 2312.11983): an input that hardly changes from token to token can be replaced by its
 * mean. No gradient is needed: the base's own stream passes once. A place j that a layer W reads scores
 *   var(x_j) |W_:j|^2      (var: the sample variance over calibration tokens)
 * added over the places of a unit, queries that share keys included. A removed place leaves its mean behind, as a bias
 * of that layer: W_:j mean(x_j). Units are compared within a structure, so that each block loses the same share as with
 * other importances (`flap`), or among all blocks, as FLAP does it (`flap-adaptive`, see adaptive.ts).
 */

import { lowestOfGroups } from '../../form/units.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { InputStatistics } from '../../model/forward/input-statistics.ts'
import type { Shifts } from '../../model/forward/output-shift.ts'
import { Stream } from '../../model/forward/stream.ts'
import type { Removal, RemovedUnits } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'
import { layersReading } from '../find/zero-readers.ts'
import { adaptiveUnits, type Fluctuating } from './adaptive.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

export type Fluctuation = 'flap' | 'flap-adaptive'

interface Job {
  importance: Fluctuation
  /** Share of the places that goes, in parts per million. */
  ppm: number
  /** The first block, and the one behind the last. */
  blocks: readonly [from: number, to: number]
  windows: Windows
  signal?: AbortSignal
}

/** One entry a block of the range, in ascending order, with the means that replace the removed places. */
export async function removalsByFluctuation(
  decoder: Decoder,
  structures: readonly Structure[][],
  job: Job,
): Promise<Removal[]> {
  const moments = await observeMoments(decoder, job)
  const found = [...moments].flatMap(([block, own]) => fluctuations(decoder, block, structures[block], own))
  const units = job.importance === 'flap' ? ownUnits(decoder, found, job.ppm) : adaptiveUnits(decoder, found, job.ppm)
  return [...moments].map(([block, own]) => {
    const removed = found.flatMap((each, k) =>
      each.block === block ? [{ structure: each.structure, units: units[k] }] : [],
    )
    return { block, removed, shifts: means(decoder, block, removed, own) }
  })
}

/** Mean and variance of one input of a layer, [cols] each. */
interface Moments {
  mean: Float64Array
  /** The sample variance: divided by tokens - 1. */
  variance: Float64Array
}

/** For each block of the range, ascending, one entry a layer in order of role. */
async function observeMoments(
  decoder: Decoder,
  { windows, blocks: [from, to], signal }: Job,
): Promise<Map<number, Moments[]>> {
  const stream = await Stream.start(decoder, windows)
  const found = new Map<number, Moments[]>()
  for (let block = 0; block < to; block++) {
    if (block >= from) {
      const inputs = await stream.observe(block, 'moments', signal)
      const moments = inputs.map((input) => momentsOf(input, stream.tokens))
      found.set(
        block,
        decoder.forms[block].layers.map(({ input }) => moments[input]),
      )
    }
    if (block + 1 < to) await stream.pass(block, undefined, signal)
  }
  return found
}

/** The moments of an input, [cols] each, from its sums over tokens. @throws {RangeError} the sums were not observed */
export function momentsOf({ sums, sumSquares }: InputStatistics, tokens: number): Moments {
  if (sums === undefined) throw new RangeError('moments were not asked for')
  const mean = sums.map((sum) => sum / tokens)
  const variance = sumSquares.map((sum, j) => Math.max(0, sum - tokens * mean[j] * mean[j]) / (tokens - 1))
  return { mean, variance }
}

function fluctuations(
  decoder: Decoder,
  block: number,
  structures: readonly Structure[],
  moments: readonly Moments[],
): Fluctuating[] {
  const weights = decoder.baseWeights(block)
  return structures.map((structure) => {
    const byReader = layersReading(decoder, block, structure).map(({ role, member }) => {
      const { variance } = moments[role]
      const squares = new Float64Array(variance.length)
      for (const [i, w] of weights[role].entries()) squares[i % squares.length] += w * w
      return member.places.map((places) => places.map((j) => variance[j] * squares[j]))
    })
    const scores = Array.from({ length: structure.units }, (_, unit) =>
      Float64Array.from(byReader.flatMap((units) => units[unit])),
    )
    return { block, structure, scores }
  })
}

/** The units to remove if each structure loses the same share. */
function ownUnits(decoder: Decoder, found: readonly Fluctuating[], ppm: number): number[][] {
  return found.map(({ block, structure, scores }) => {
    const sums = Float64Array.from(scores, (own) => own.reduce((sum, score) => sum + score, 0))
    const { groups } = structure
    return lowestOfGroups(sums, groups, perGroup(structure, placesPerUnit(decoder, block, structure), ppm))
  })
}

/** For each product of a layer, the mean that its removed inputs gave to each of its outputs, [rows]. */
function means(decoder: Decoder, block: number, removed: readonly RemovedUnits[], moments: readonly Moments[]): Shifts {
  const { index, cut } = decoder
  const weights = decoder.baseWeights(block)
  const shifts = new Map<string, Float32Array>()
  for (const { structure, units } of removed) {
    if (units.length === 0) continue
    for (const { role, member } of layersReading(decoder, block, structure)) {
      const { node, rows, cols, alpha } = cut.blocks[block].layers[role]
      const columns = units.flatMap((unit) => member.places[unit])
      const shift = Float32Array.from(
        { length: rows },
        (_, row) => alpha * columns.reduce((sum, j) => sum + weights[role][row * cols + j] * moments[role].mean[j], 0),
      )
      const [product] = index.nodes[node].output
      const other = shifts.get(product)
      shifts.set(product, other ? shift.map((value, row) => value + other[row]) : shift)
    }
  }
  return shifts
}
