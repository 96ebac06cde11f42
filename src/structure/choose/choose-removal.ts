/** Chooses the units to remove from a model: the least important ones of each structure, block by block. */

import { InputError } from '../../base/errors.ts'
import type { WeightsOf } from '../../form/block-weights.ts'
import { lowestOfGroups } from '../../form/units.ts'
import type { Windows } from '../../form/windows.ts'
import { LossGradients, type WeightGradients } from '../../model/backward/gradients.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { readFloats } from '../../onnx/tensor.ts'
import type { Removal, RemovedUnits } from '../find/removal.ts'
import type { Structure } from '../find/structure.ts'
import { zeroedWeights } from '../find/zero-readers.ts'
import { type Fluctuation, removalsByFluctuation } from './fluctuation.ts'
import { type Criterion, type Reduction, unitScores, type Weighed } from './importance.ts'
import { randomScores } from './random-scores.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

interface Job {
  /** The share of the places of each structure to remove, in parts per million. */
  ppm: number
  /** The first block, and the one behind the last. */
  blocks: readonly [from: number, to: number]
  /** Calibration windows. An importance that needs no gradients reads none of them. */
  windows: Windows
  /** The number of windows that pass together. */
  perBatch: number
  signal?: AbortSignal
}

/** A job with an importance of single weights. */
export interface WeightJob extends Job {
  importance: Criterion
  /** Seed of random importance; default: 0. */
  seed?: number
  /** How the scores of coupled members are combined. */
  reduction: Reduction
  /** In so many steps, each with importances of what is left; default: 1. */
  steps?: number
}

/** FLAP looks at what reads coupled members alone. */
interface FluctuationJob extends Job {
  importance: Fluctuation
}

type RemovalJob = WeightJob | FluctuationJob

function fluctuates(job: RemovalJob): job is FluctuationJob {
  return job.importance === 'flap' || job.importance === 'flap-adaptive'
}

/**
 * Chooses the units of every block of the range.
 * @param structures - one array a block
 * @returns one entry a block of the range, in ascending order
 * @throws {InputError} STRUCTURE_LOCKED, OPERATOR_NO_GRADIENT
 */
export async function chooseRemoval(
  decoder: Decoder,
  structures: readonly Structure[][],
  job: RemovalJob,
): Promise<Removal[]> {
  const [from, to] = job.blocks
  for (let block = from; block < to; block++) assertUnlocked(structures[block], block)
  if (fluctuates(job)) return removalsByFluctuation(decoder, structures, job)
  const { steps = 1 } = job
  let removals: ReadonlyMap<number, RemovedUnits[]> = new Map()
  for (let step = 1; step <= steps; step++)
    removals = await removeStep(decoder, structures, { ...job, ppm: Math.floor((job.ppm * step) / steps) }, removals)
  return [...removals].map(([block, removed]) => ({ block, removed })).sort((x, y) => x.block - y.block)
}

/**
 * One of several steps. Importances are those of the model without the units that are removed already, and these stay
 * removed. The share is of the base's places all the same.
 */
async function removeStep(
  decoder: Decoder,
  structures: readonly Structure[][],
  job: WeightJob,
  before: ReadonlyMap<number, RemovedUnits[]>,
): Promise<Map<number, RemovedUnits[]>> {
  const { importance, reduction, ppm, seed = 0 } = job
  const weightsOf = (block: number) => {
    const gone = before.get(block)
    return gone && zeroedWeights(decoder, block, gone)
  }
  const after = new Map<number, RemovedUnits[]>()
  await visitBlocks(decoder, { ...job, weightsOf }, (block, gradients) => {
    const removed = structures[block].map((structure, which) => {
      const scores = scoresOf(decoder, block, which, structure, { importance, reduction, seed }, gradients)
      for (const unit of before.get(block)?.[which].units ?? []) scores[unit] = Number.NEGATIVE_INFINITY
      return chooseUnits(decoder, block, structure, scores, ppm)
    })
    after.set(block, removed)
  })
  return after
}

/**
 * The scores of the units of every block of the range.
 * @returns one array a block of the model, with one array a structure, with one score a unit
 * @throws {InputError} STRUCTURE_LOCKED, OPERATOR_NO_GRADIENT
 */
export async function unitScoresOf(
  decoder: Decoder,
  structures: readonly (readonly Structure[])[],
  job: Omit<WeightJob, 'ppm' | 'steps'>,
): Promise<Float64Array[][]> {
  const [from, to] = job.blocks
  for (let block = from; block < to; block++) assertUnlocked(structures[block], block)
  const found: Float64Array[][] = []
  await visitBlocks(decoder, job, (block, gradients) => {
    found[block] = structures[block].map((structure, which) =>
      scoresOf(decoder, block, which, structure, job, gradients),
    )
  })
  return found
}

function scoresOf(
  decoder: Decoder,
  block: number,
  which: number,
  structure: Structure,
  { importance, reduction, seed = 0 }: Pick<WeightJob, 'importance' | 'reduction' | 'seed'>,
  gradients: WeightGradients | undefined,
): Float64Array {
  if (importance === 'random') return randomScores(structure.units, seed, block, which)
  return unitScores(weigh(decoder, block, structure, gradients), importance, reduction)
}

/** @property weightsOf - weights of blocks that are not the base's */
type Visit = Omit<WeightJob, 'reduction' | 'ppm' | 'steps'> & { weightsOf?: WeightsOf }

/**
 * Visits every block of the range once, in any order, with the gradients that the importance needs.
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function visitBlocks(
  decoder: Decoder,
  { importance, blocks: [from, to], windows, perBatch, weightsOf, signal }: Visit,
  visit: (block: number, gradients?: WeightGradients) => void,
): Promise<void> {
  if (importance === 'l2' || importance === 'random') {
    for (let block = from; block < to; block++) visit(block)
    return
  }
  const squared = importance === 'taylor2'
  await new LossGradients(decoder).run({
    ...{ windows, signal, squared, weightsOf, of: 'layers', perBatch: squared ? 1 : perBatch },
    onPart(part, gradients) {
      if (typeof part === 'number' && part >= from && part < to) visit(part, gradients)
    },
  })
}

/** Checks that no structure of a block is locked. @throws {InputError} STRUCTURE_LOCKED */
export function assertUnlocked(structures: readonly Structure[], block: number): void {
  for (const { kind, locked } of structures) {
    if (locked === undefined) continue
    throw new InputError({
      code: 'STRUCTURE_LOCKED',
      what: `the ${kind} of block ${block} cannot be removed: ${locked}`,
      hint: 'Export the model with plain ONNX operators, for example with Optimum (--task text-generation, float32).',
    })
  }
}

function chooseUnits(
  decoder: Decoder,
  block: number,
  structure: Structure,
  scores: Float64Array,
  ppm: number,
): RemovedUnits {
  const count = perGroup(structure, placesPerUnit(decoder, block, structure), ppm)
  return { structure, units: lowestOfGroups(scores, structure.groups, count) }
}

/** The layers among a structure's members. Biases and constants are cut with them, and do not count. */
function weigh(
  decoder: Decoder,
  block: number,
  { members }: Structure,
  gradients: WeightGradients | undefined,
): Weighed[] {
  const { layers } = decoder.cut.blocks[block]
  return members.flatMap((member): Weighed[] => {
    const role = layers.findIndex(({ weight }) => weight.name === member.tensor)
    if (role === -1) return []
    const { weight } = layers[role]
    const [rows, cols] = weight.dims
    return [{ member, dims: [rows, cols], weight: readFloats(weight), gradient: gradients?.get(member.tensor) }]
  })
}
