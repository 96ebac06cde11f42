/** Reads the texts that options name, and cuts them into windows of tokens. */

import type { Windows } from '../../src/form/windows.ts'
import { assertEnoughWindows, filesSource, someWindows, type TextSource } from '../../src/model/text/text.ts'
import type { TextOptions } from '../options/site.ts'
import { type EngineRun, labelled } from './engine.ts'

export interface Tokenised {
  /** The text's name, for messages. */
  name: string
  /** The number of tokens, the incomplete last window included: of the whole text, unless fewer were enough. */
  tokens: number
  windows: Windows
}

/** A text, and the length of its windows. */
interface TextCut {
  dir: string
  source: TextSource
  separator: string | undefined
  window: number
  /** The number of tokens from its beginning that are enough; default: all. */
  wanted?: number
}

/** The whole windows of a text. */
export async function tokenise(
  work: EngineRun,
  { dir, source, separator, window, wanted }: TextCut,
): Promise<Tokenised> {
  const { name } = source
  const job = { dir, source, separator, window, wanted }
  return { name, ...(await labelled(work, `Tokenising ${name}`, 'tokenise', job)) }
}

/** The first windows of a text. @throws {InputError} TEXT_SHORT */
export function firstWindows({ name, tokens, windows }: Tokenised, count: number): Windows {
  assertEnoughWindows(name, tokens, windows.count, count, windows.length)
  return someWindows(windows, 0, count)
}

/**
 * The windows on which perplexity is measured: at most `tokens` tokens from the start, and at least one window.
 * @throws {InputError} TEXT_SHORT
 */
export function evaluatedWindows(text: Tokenised, tokens: number): Windows {
  const { windows } = text
  return firstWindows(text, Math.max(1, Math.min(windows.count, Math.floor(tokens / windows.length))))
}

/** The number of predictions on these windows: the first token of each has no context. */
export function predictions({ count, length }: Windows): number {
  return count * (length - 1)
}

/** The text that is used if there is none: magnitude needs no text, and a written model can be checked on any words. */
const SENTENCE = 'To coppice a wood is to cut many trees back together, so that all of them grow again stronger. '
/** The number of repetitions: they have more tokens than a check reads. */
const REPETITIONS = 4

/** One window of a fixed English sentence. */
export async function anyWindow(work: EngineRun, dir: string): Promise<Windows> {
  const source = { name: 'a sentence', documents: [SENTENCE.repeat(REPETITIONS)] }
  const job = { dir, source, separator: undefined, window: undefined }
  return (await labelled(work, 'Tokenising', 'tokenise', job)).windows
}

/**
 * The calibration windows of a site. All its files are one text. Without any file, which magnitude allows, the windows
 * are a sentence that tells nothing of the site.
 * @throws {InputError} TEXT_SHORT
 */
export async function calibration(
  work: EngineRun,
  dir: string,
  { texts, separator }: TextOptions,
  windows: number,
  window: number,
): Promise<Windows> {
  if (texts.length === 0) return anyWindow(work, dir)
  const source = filesSource(texts)
  return firstWindows(await tokenise(work, { dir, source, separator, window, wanted: windows * window }), windows)
}
