/** From what the options name to windows of tokens. */

import type { TokenWindows } from '../../src/jobs/jobs.ts'
import {
  assertEnoughWindows,
  cutWindows,
  filesSource,
  someWindows,
  type TextSource,
} from '../../src/model/text/text.ts'
import type { TextOptions } from '../options/site.ts'
import { labelled, type Work } from './engine.ts'

export interface Tokenised {
  /** For people. */
  name: string
  /** Tokens, the incomplete last window included: of the whole text, unless fewer were enough. */
  tokens: number
  windows: TokenWindows
}

/** A text, and what it is cut into. */
interface TextCut {
  dir: string
  source: TextSource
  separator: string | undefined
  window: number
  /** Tokens from its beginning that are enough; all by default. */
  wanted?: number
}

/** The whole windows of a text. */
export async function tokenise(work: Work, { dir, source, separator, window, wanted }: TextCut): Promise<Tokenised> {
  const stream = await labelled(work, `Tokenising ${source.name}`, 'tokenise', { dir, source, separator, wanted })
  return { name: source.name, tokens: stream.length, windows: cutWindows(stream, window) }
}

/** The first windows of a text. @throws {InputError} TEXT_SHORT */
export function firstWindows({ name, tokens, windows }: Tokenised, count: number): TokenWindows {
  assertEnoughWindows(name, tokens, windows.count, count, windows.length)
  return someWindows(windows, 0, count)
}

/**
 * The windows that perplexity is measured on: at most `tokens` tokens from the start.
 * @throws {InputError} TEXT_SHORT
 */
export function evaluatedWindows(text: Tokenised, tokens: number): TokenWindows {
  const { windows } = text
  return firstWindows(text, Math.max(1, Math.min(windows.count, Math.floor(tokens / windows.length))))
}

/** Predictions on these windows: the first token of each has no context. */
export function predictions({ count, length }: TokenWindows): number {
  return count * (length - 1)
}

/** Stands in where there is no text: magnitude needs none, and a written model is checked on any words. */
const SENTENCE = 'To coppice a wood is to cut many trees back together, so that all of them grow again stronger. '
/** Its repetitions: more tokens than a check looks at. */
const REPETITIONS = 4

/** One window of a fixed English sentence. */
export async function anyWindow(work: Work, dir: string): Promise<TokenWindows> {
  const source = { name: 'a sentence', documents: [SENTENCE.repeat(REPETITIONS)] }
  const ids = await labelled(work, 'Tokenising', 'tokenise', { dir, source, separator: undefined })
  return { ids, count: 1, length: ids.length }
}

/** All files of a site are one text. Without any, which magnitude allows, a sentence that says nothing of the site. */
export async function calibration(
  work: Work,
  dir: string,
  { texts, separator }: TextOptions,
  windows: number,
  window: number,
): Promise<TokenWindows> {
  if (texts.length === 0) return anyWindow(work, dir)
  const source = filesSource(texts)
  return firstWindows(await tokenise(work, { dir, source, separator, window, wanted: windows * window }), windows)
}
