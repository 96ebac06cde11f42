/** The importance of each unit of a model's structures for the loss on a text: LLM-Pruner's first order, summed. */

import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { Structure } from '../find/structure.ts'
import { unitScoresOf } from './choose-removal.ts'

/** The number of tokens that go back through a block together: LLM-Pruner takes as many in all. */
const BATCH_TOKENS = 640

/** Windows that go back through a block together. */
export function windowsTogether({ length }: Windows): number {
  return Math.max(1, Math.floor(BATCH_TOKENS / length))
}

/**
 * @param structures - one array a block; none of them locked
 * @returns one array a block, with one array a structure, with one importance a unit
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export async function unitImportances(
  decoder: Decoder,
  structures: readonly (readonly Structure[])[],
  windows: Windows,
  signal?: AbortSignal,
): Promise<Float32Array[][]> {
  const blocks = [0, structures.length] as const
  const job = {
    importance: 'taylor1',
    reduction: 'sum',
    blocks,
    windows,
    perBatch: windowsTogether(windows),
    signal,
  } as const
  const found = await unitScoresOf(decoder, structures, job)
  return found.map((own) => own.map((scores) => Float32Array.from(scores)))
}
