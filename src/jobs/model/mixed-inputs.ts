/** The job of finding inputs of the first block that must be measured on the text: see forward/vocabulary.ts. */
import { type MixedInput, tokenInputs } from '../../model/forward/vocabulary.ts'
import type { Bench } from '../bench.ts'

export async function mixedInputs({ dir }: { dir: string }, bench: Bench): Promise<MixedInput[]> {
  const decoder = bench.open(dir)
  const { mixed } = await tokenInputs(decoder)
  decoder.sessions.dropOuterWeights()
  return mixed
}
