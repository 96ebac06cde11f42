/** Perplexity: exp of the mean negative log-likelihood over all predictions. Each window is a context of its own. */

import { InputError } from '../../base/errors.ts'
import type { WeightsOf } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from './decoder.ts'
import { Stream } from './stream.ts'

interface Evaluation {
  signal?: AbortSignal
  /** Called after each block of each text. */
  onProgress?: (done: number, total: number) => void
}

/** Measures several texts at once. Each block's weights are read once a text. */
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
  if (Number.isNaN(sum)) throw noNumber(decoder.directory.onnx)
  return { perplexity: Math.exp(sum / tokens), tokens }
}

function noNumber(path: string): InputError {
  return new InputError({
    code: 'LOGITS_NOT_FINITE',
    what: `${path} gives logits that are no numbers on this text, so there is no perplexity`,
    hint: 'Its weights or its activations overflow: check the model in ONNX Runtime, and export it again in float32.',
  })
}
