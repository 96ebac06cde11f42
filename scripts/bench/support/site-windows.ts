/** Calibration windows of many sites, cut out of the texts that come with the embedded model. */
import type { Windows } from '../../../src/form/windows.ts'
import type { Decoder } from '../../../src/model/forward/decoder.ts'
import type { Vocabulary } from '../../../src/model/forward/vocabulary.ts'
import { embeddingRows } from '../../../src/model/graph/embedding-rows.ts'
import { assertEnoughWindows, cutWindows, someWindows, tokenStream } from '../../../src/model/text/text.ts'
import { openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { tokenIds } from '../../../src/model/text/tokenizer-definition.ts'
import { tokenizerIn } from '../../../src/model/text/tokenizer-file.ts'
import { embeddedTexts, heldSource, trainingSource } from '../../embedded/texts.ts'
import { benchWindows } from './windows.ts'

/** The site's text is of one of four kinds, in turn; a fifth site has the windows behind those of the first. */
export async function siteWindows(
  decoder: Decoder,
  { sites, count, length }: { sites: number; count: number; length: number },
): Promise<Windows[]> {
  const kinds = embeddedTexts().map(trainingSource)
  const wanted = count * length * Math.ceil(sites / kinds.length)
  const encoder = await openTokenizer(decoder.directory.dir)
  const all: Windows[] = []
  for (const source of kinds) {
    const stream = await tokenStream(encoder, source, undefined, { wanted })
    const windows = cutWindows(stream, length)
    assertEnoughWindows(source.name, stream.length, windows.count, wanted / length, length)
    all.push(windows)
  }
  return Array.from({ length: sites }, (_, site) =>
    someWindows(all[site % all.length], count * Math.floor(site / all.length), count),
  )
}

/** Windows of documents that the embedded model never saw, one entry a kind of text. */
export async function heldWindows(decoder: Decoder, count: number, length: number): Promise<Windows[]> {
  const encoder = await openTokenizer(decoder.directory.dir)
  const all: Windows[] = []
  for (const source of embeddedTexts().map(heldSource)) {
    const stream = await tokenStream(encoder, source, undefined, { wanted: count * length })
    all.push(someWindows(cutWindows(stream, length), 0, count))
  }
  return all
}

/**
 * Windows of texts from files, one site a file: the first `count` windows of each to calibrate on, and the `held` ones
 * behind them.
 */
export async function fileWindows(
  decoder: Decoder,
  files: readonly string[],
  { count, held, length }: { count: number; held: number; length: number },
): Promise<{ sites: Windows[]; held: Windows[] }> {
  const all: Windows[] = []
  for (const file of files) all.push(await benchWindows(decoder, file, count + held, length))
  return {
    sites: all.map((windows) => someWindows(windows, 0, count)),
    held: all.map((windows) => someWindows(windows, count, held)),
  }
}

/** The vocabulary of a model's tokenizer, in windows of this length. */
export function vocabularyOf({ directory, index }: Decoder, window: number): Vocabulary {
  return { ids: tokenIds(tokenizerIn(directory.dir), embeddingRows(index)), window }
}
