/** The job of measuring a model's perplexity on windows of a text. */
import type { Windows } from '../../form/windows.ts'
import { perplexity } from '../../model/forward/perplexity.ts'
import type { Bench, ModelFiles } from '../bench.ts'
import type { JobContext } from '../job.ts'

export interface Measured {
  perplexity: number
  tokens: number
}

export async function evaluate(
  { windows, ...model }: ModelFiles & { windows: Windows },
  bench: Bench,
  { signal, emit }: JobContext,
): Promise<Measured> {
  return perplexity(bench.open(model.dir), windows, await bench.weightsOf(model), {
    signal,
    onProgress: (done, total) => emit({ type: 'progress', done, total }),
  })
}
