/** The job of tokenising a text. */
import { type TextSource, tokenStream } from '../../model/text/text.ts'
import type { Bench } from '../bench.ts'
import type { JobContext } from '../job.ts'

interface TokeniseArgs {
  dir: string
  source: TextSource
  separator: string | undefined
  /** How many tokens are enough; all by default. */
  wanted?: number
}

export async function tokenise(
  { dir, source, separator, wanted }: TokeniseArgs,
  bench: Bench,
  { signal }: JobContext,
): Promise<Int32Array> {
  await using tokenizer = await bench.tokenizer(dir)
  const tokens = await tokenStream(tokenizer, source, separator, { wanted, signal })
  tokenizer.assertInEmbedding(tokens, source.name)
  return tokens
}
