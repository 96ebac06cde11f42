/** How much each unit of a model's structures matters to the loss on a text: LLM-Pruner's first order, summed. */

import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'
import { unitScoresOf } from './choose-removal.ts'

/** Tokens that go back through a block together: as many as LLM-Pruner takes in all. */
export const BATCH_TOKENS = 640

/**
 * @param structures - by block; none of them locked
 * @returns by block, by structure: one a unit
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function unitImportances(
  decoder: Decoder,
  structures: readonly (readonly Structure[])[],
  windows: Windows,
  signal?: AbortSignal,
): Promise<Float32Array[][]> {
  const perBatch = Math.max(1, Math.floor(BATCH_TOKENS / windows.length))
  const blocks = [0, structures.length] as const
  const job = { importance: 'taylor1', reduction: 'sum', blocks, windows, perBatch, signal } as const
  const found = await unitScoresOf(decoder, structures, job)
  return found.map((own) => own.map((scores) => Float32Array.from(scores)))
}
