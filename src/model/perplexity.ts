/** Perplexity: exp of the mean negative log-likelihood over all predictions, every window a context of its own. */
import type { BlockWeights, Decoder } from './decoder.ts'
import { Stream, type Windows } from './stream.ts'

/** Weights of a block by number; undefined: the base's. */
export type WeightsOf = (block: number) => BlockWeights | undefined

export interface Evaluation {
  signal?: AbortSignal
  /** Called after each block of each text. */
  onProgress?: (done: number, total: number) => void
}

/** Of several texts at once: each block's weights are fetched once a text. */
export async function perplexity(
  decoder: Decoder,
  windows: Windows,
  weightsOf: WeightsOf = () => undefined,
  { signal, onProgress }: Evaluation = {},
): Promise<{ perplexity: number; tokens: number }> {
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) {
    await stream.pass(block, weightsOf(block), signal)
    onProgress?.(block + 1, decoder.blocks + 1)
  }
  const { sum, tokens } = await stream.negativeLogLikelihood(signal)
  onProgress?.(decoder.blocks + 1, decoder.blocks + 1)
  return { perplexity: Math.exp(sum / tokens), tokens }
}
