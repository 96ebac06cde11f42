/** What is removed from a model: the least important units of each structure, block by block. */
import { InputError } from '../errors.ts'
import type { Decoder } from '../model/decoder.ts'
import { LossGradients, type WeightGradients } from '../model/gradients.ts'
import type { Shifts } from '../model/shift.ts'
import type { Windows } from '../model/stream.ts'
import { lowestOfGroups, perGroup, placesPerUnit } from './choose.ts'
import { type Fluctuation, removalsByFluctuation } from './fluctuation.ts'
import { type Criterion, type Importance, type Reduction, salience, unitScores, type Weighed } from './importance.ts'
import { randomScores } from './random-scores.ts'
import type { Structure } from './structures.ts'

export interface RemovalJob {
  importance: Criterion | Fluctuation
  /** For random importance; default: 0. */
  seed?: number
  /** Of coupled members; FLAP looks at what reads them alone. */
  reduction: Reduction
  /** Of the places of each structure, in (0, 1). */
  ratio: number
  /** First block, and the one behind the last. */
  blocks: readonly [from: number, to: number]
  /** Calibration windows; what has no use for gradients looks at none. */
  windows: Windows
  /** Windows that pass together. */
  perBatch: number
  signal?: AbortSignal
}

/** By an importance of single weights. */
export type WeightJob = RemovalJob & { importance: Criterion }

/** Of one structure of a block. */
export interface RemovedUnits {
  structure: Structure
  /** Ascending; none where the ratio is less than one unit. */
  units: number[]
}

export interface Removal {
  block: number
  removed: RemovedUnits[]
  /** What stands in for it. */
  shifts?: Shifts
}

/**
 * @param structures - by block
 * @returns by block, ascending
 * @throws {InputError} STRUCTURE_LOCKED, OPERATOR_NO_GRADIENT
 */
export async function chooseRemoval(
  decoder: Decoder,
  structures: readonly Structure[][],
  job: RemovalJob,
): Promise<Removal[]> {
  const [from, to] = job.blocks
  const removals: Removal[] = []
  for (let block = from; block < to; block++) assertFree(structures[block], block)
  const { importance } = job
  if (importance === 'flap' || importance === 'flap-adaptive')
    return removalsByFluctuation(decoder, structures, { ...job, importance })
  await visitBlocks(decoder, { ...job, importance }, (block, gradients) => {
    const removed = structures[block].map((structure, which) => {
      const scores =
        importance === 'random'
          ? randomScores(structure.units, job.seed ?? 0, block, which)
          : unitScores(weigh(decoder, block, structure, importance, gradients), importance, job.reduction)
      return chooseUnits(decoder, block, structure, scores, job.ratio)
    })
    removals.push({ block, removed })
  })
  return removals.sort((a, b) => a.block - b.block)
}

/**
 * Visits every block of the range once, in any order, with the gradients that the importance needs.
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function visitBlocks(
  decoder: Decoder,
  { importance, blocks: [from, to], windows, perBatch, signal }: Omit<WeightJob, 'reduction' | 'ratio'>,
  visit: (block: number, gradients?: WeightGradients) => void,
): Promise<void> {
  if (importance === 'l2' || importance === 'random') {
    for (let block = from; block < to; block++) visit(block)
    return
  }
  const squared = importance === 'taylor2'
  await new LossGradients(decoder).run({
    ...{ windows, signal, squared, of: 'layers', perBatch: squared ? 1 : perBatch },
    onPart(part, gradients) {
      if (typeof part === 'number' && part >= from && part < to) visit(part, gradients)
    },
  })
}

export function assertFree(structures: readonly Structure[], block: number): void {
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
  ratio: number,
): RemovedUnits {
  const count = perGroup(structure, placesPerUnit(decoder, block, structure), ratio)
  return { structure, units: lowestOfGroups(scores, structure.groups, count) }
}

/** The layers among a structure's members; biases and constants are cut with them, and count for nothing. */
export function weigh(
  decoder: Decoder,
  block: number,
  { members }: Structure,
  importance: Importance,
  gradients: WeightGradients | undefined,
): Weighed[] {
  const { layers } = decoder.cut.blocks[block]
  return members.flatMap((member): Weighed[] => {
    const role = layers.findIndex(({ weight }) => weight.name === member.tensor)
    if (role === -1) return []
    const [rows, cols] = layers[role].weight.dims
    const weight = decoder.storedLayout(layers[role], decoder.baseWeights(block)[role])
    return [{ member, dims: [rows, cols], values: salience(importance, weight, gradients?.get(member.tensor)) }]
  })
}
