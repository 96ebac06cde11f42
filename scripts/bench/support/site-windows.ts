/** Calibration windows of many sites, cut out of the texts that come with the embedded model. */
import type { Windows } from '../../../src/form/windows.ts'
import type { Decoder } from '../../../src/model/forward/decoder.ts'
import { assertEnoughWindows, cutWindows, someWindows, tokenStream } from '../../../src/model/text/text.ts'
import { openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { embeddedTexts, heldSource, trainingSource } from '../../embedded/texts.ts'

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
