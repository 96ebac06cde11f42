/** Windows for benchmarks, and the plainest thing that can be done with them. */

import { median } from '../../../src/base/quantile.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { Decoder } from '../../../src/model/forward/decoder.ts'
import { Stream } from '../../../src/model/forward/stream.ts'
import { graphInputs } from '../../../src/model/graph/inputs.ts'
import { assertEnoughWindows, cutWindows, fileSource, someWindows, tokenStream } from '../../../src/model/text/text.ts'
import { openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { plainTensor, racePlain } from '../../../src/runtime/reference-run.ts'

/** Windows of a text, or of tokens that are spread over the vocabulary. */
export async function benchWindows(
  decoder: Decoder,
  file: string | undefined,
  count: number,
  length: number,
): Promise<Windows> {
  if (file === undefined) {
    const ids = Int32Array.from({ length: count * length }, (_, i) => (i * 7919) % Math.max(2, decoder.vocabulary))
    return { ids, count, length }
  }
  const encoder = await openTokenizer(decoder.directory.dir)
  const stream = await tokenStream(encoder, fileSource(file), undefined, { wanted: count * length })
  const windows = cutWindows(stream, length)
  assertEnoughWindows(file, stream.length, windows.count, count, length)
  return someWindows(windows, 0, count)
}

/**
 * Seconds of one forward pass of the whole model by plain ONNX Runtime, all windows at once, logits included: the
 * median of three.
 */
export async function plainSeconds(decoder: Decoder, { ids, count, length }: Windows): Promise<number> {
  const inputs = { ids: BigInt64Array.from(ids, BigInt), batch: count, window: length, past: 0 }
  const values = graphInputs(decoder.model, decoder.directory.config, inputs)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  const model = { model: decoder.directory.onnx, output: decoder.cut.head.leaves, feeds: [feeds] }
  const seconds = await racePlain({ models: [model], least: 0, turns: 3, threads: decoder.threads })
  if (seconds === null) throw new Error('there is no memory to run the model whole')
  return median(seconds[0][0])
}

/** Seconds of one forward pass through all blocks, without the head. */
export async function forwardSeconds(decoder: Decoder, windows: Windows): Promise<number> {
  const start = performance.now()
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  return (performance.now() - start) / 1e3
}
