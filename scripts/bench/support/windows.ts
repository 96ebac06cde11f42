/** Windows for benchmarks, and the plainest thing that can be done with them. */
import type { Decoder } from '../../../src/model/decoder.ts'
import { Stream, type Windows } from '../../../src/model/stream.ts'
import { assertEnoughWindows, cutWindows, fileSource, someWindows, tokenStream } from '../../../src/model/text.ts'
import { openTokenizer } from '../../../src/model/tokenizer.ts'

/** Of a text, or of tokens that are spread over the vocabulary. */
export function benchWindows(decoder: Decoder, file: string | undefined, count: number, length: number): Windows {
  if (file === undefined) {
    const ids = Int32Array.from({ length: count * length }, (_, i) => (i * 7919) % Math.max(2, decoder.vocabulary))
    return { ids, count, length }
  }
  const stream = tokenStream(openTokenizer(decoder.directory.dir), fileSource(file))
  const windows = cutWindows(stream, length)
  assertEnoughWindows(file, stream.length, windows.count, count, length)
  return someWindows(windows, 0, count)
}

/** Of one forward pass through all blocks, no head. */
export async function forwardSeconds(decoder: Decoder, windows: Windows): Promise<number> {
  const start = performance.now()
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  return (performance.now() - start) / 1e3
}
