/** The job of tokenising a text and cutting it into windows. */
import type { Windows } from '../../form/windows.ts'
import { cutWindows, type TextSource, tokenStream } from '../../model/text/text.ts'
import type { Bench } from '../bench.ts'
import type { JobContext } from '../job.ts'

interface TokeniseArgs {
  dir: string
  source: TextSource
  separator: string | undefined
  /** Tokens a window; undefined: the whole text is one window. */
  window: number | undefined
  /** The number of tokens from its beginning that are enough; default: all. */
  wanted?: number
}

interface TokenisedText {
  /** The number of tokens, the incomplete last window included. */
  tokens: number
  windows: Windows
}

export async function tokenise(
  { dir, source, separator, window, wanted }: TokeniseArgs,
  bench: Bench,
  { signal }: JobContext,
): Promise<TokenisedText> {
  await using tokenizer = await bench.tokenizer(dir)
  const ids = await tokenStream(tokenizer, source, separator, { wanted, signal })
  tokenizer.assertInEmbedding(ids, source.name)
  return { tokens: ids.length, windows: cutWindows(ids, window ?? ids.length) }
}
