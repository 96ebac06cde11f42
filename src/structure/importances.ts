/** How much each unit of a model's structures matters to the loss on a text: LLM-Pruner's first order, summed. */
import type { Decoder } from '../model/decoder.ts'
import { LossGradients } from '../model/gradients.ts'
import type { Windows } from '../model/stream.ts'
import { unitScores } from './importance.ts'
import { weigh } from './removal.ts'
import type { Structure } from './structures.ts'

/** Tokens that go back through a block together: as many as LLM-Pruner takes in all. */
export const BATCH_TOKENS = 640

/**
 * @param structures - by block
 * @returns by block, by structure: one a unit
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function unitImportances(
  decoder: Decoder,
  structures: readonly (readonly Structure[])[],
  windows: Windows,
  signal?: AbortSignal,
): Promise<Float32Array[][]> {
  const found: Float32Array[][] = []
  await new LossGradients(decoder).run({
    ...{ windows, signal, of: 'layers', perBatch: Math.max(1, Math.floor(BATCH_TOKENS / windows.length)) },
    onPart(part, gradients) {
      if (typeof part !== 'number') return
      found[part] = structures[part].map((structure) =>
        Float32Array.from(unitScores(weigh(decoder, part, structure, 'taylor1', gradients), 'taylor1', 'sum')),
      )
    },
  })
  return found
}
