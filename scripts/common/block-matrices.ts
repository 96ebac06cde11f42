/** The weight matrices in the blocks of a model, and the number of their values that are zero. */

import type { RoundReport } from '../../peers/round/events.ts'
import type { BaseFacts, BlockMatrices } from '../../protocols/plan/model-words.ts'
import { isStructuredMethod, type Method } from '../../src/form/method.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { BlockZeros } from '../../src/model/write/zeros.ts'
import { grouped, percent } from '../terminal/numbers.ts'
import type { BaseModel } from './base-model.ts'
import { type EngineRun, labelled } from './engine.ts'

/** The weights of all blocks, and the number and share of those that are zero. */
interface Sparsity {
  sparsity: number
  zeros: number
  weights: number
}

export function weightsOf({ layers, unpruned }: Pick<ModelDescription, 'layers' | 'unpruned'>) {
  return { layers: layers.map(({ rows, cols }) => ({ weights: rows * cols })), unpruned }
}

/** The matrices of a base model with their zeros. */
export async function blockMatrices(
  work: EngineRun,
  { dir, description }: Pick<BaseModel, 'dir' | 'description'>,
): Promise<BlockMatrices & { zeros: number }> {
  const { layers, unpruned } = weightsOf(description)
  const zeros = await labelled(work, 'Counting zeros', 'zeros', { dir })
  return {
    layers: layers.map(({ weights }, i) => ({ weights, zeros: zeros.layers[i] })),
    unpruned,
    zeros: sum([...zeros.layers, ...zeros.unpruned]),
  }
}

/** Facts that a plan states about its base model. */
export async function baseFacts(
  work: EngineRun,
  model: Pick<BaseModel, 'dir' | 'description'>,
  method: Method,
): Promise<BaseFacts> {
  const { dir } = model
  const matrices = await blockMatrices(work, model)
  const mixed = isStructuredMethod(method) ? [] : await labelled(work, 'Looking at inputs', 'mixedInputs', { dir })
  return { ...matrices, mixed }
}

/** Counts zeros over all weight matrices in the blocks, those that are not pruned included. */
export function sparsityOf(description: Pick<ModelDescription, 'layers' | 'unpruned'>, zeros: BlockZeros): Sparsity {
  const { layers, unpruned } = weightsOf(description)
  const weights = sum([...layers, ...unpruned].map((matrix) => matrix.weights))
  const count = sum([...zeros.layers, ...zeros.unpruned])
  return { sparsity: count / weights, zeros: count, weights }
}

/**
 * The result of a federation: the zeros in the written model. If structures are removed: the number of removed units,
 * and of all units.
 */
export function outcomeOf(
  description: ModelDescription,
  method: Method,
  { last, written }: { last: Pick<RoundReport, 'zeros' | 'bits'>; written: BlockZeros },
): Sparsity {
  if (!isStructuredMethod(method)) return sparsityOf(description, written)
  return { sparsity: last.zeros / last.bits, zeros: last.zeros, weights: last.bits }
}

export function outcomeInWords({ zeros, weights, sparsity }: Sparsity, isStructured: boolean): string {
  const of = `${grouped(zeros)} of ${grouped(weights)}`
  return isStructured
    ? `${of} heads and channels were removed (${percent(sparsity)}).`
    : `${of} weights of the layers are zero (${percent(sparsity)}).`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
