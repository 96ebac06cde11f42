/** Makes the calibration windows of each site and the evaluated windows from the options of `simulate`. */

import { basename, extname } from 'node:path'
import type { WindowLimits } from '../../../src/jobs/model/describe.ts'
import { escaped } from '../../../src/model/text/refusals.ts'
import { fileSource, someWindows, type TextSource } from '../../../src/model/text/text.ts'
import type { EngineRun } from '../../common/engine.ts'
import type { EvaluatedText } from '../../common/perplexities.ts'
import { keptOut, readForEnd, recut } from '../../common/site/kept-out.ts'
import { evaluatedWindows, type Tokenised, tokenise } from '../../common/texts.ts'
import { embeddedTexts, heldSource, trainingSource } from '../../embedded/texts.ts'
import { DEFAULT_EVAL_TOKENS } from '../../options/evaluation.ts'
import { windowFor } from '../../options/site.ts'
import type { SimulatedSite } from './federation.ts'
import type { SimulateOptions } from './options.ts'
import { allocate, sharers, siteNames } from './windows.ts'

/** Tokens of each held kind of the embedded default: a quarter of the kind, enough for a percent. */
const EMBEDDED_EVAL_TOKENS = 10_240

interface Prepared {
  /** The number of tokens in a calibration window. */
  window: number
  sites: SimulatedSite[]
  evaluated: EvaluatedText[]
}

/**
 * Reads the texts and divides them.
 * @throws {InputError} TEXT_SHORT and the refusals of a text that cannot be read
 * @throws {UsageError} WINDOW_FIXED, WINDOW_LONG
 */
export async function prepareSites(work: EngineRun, options: SimulateOptions, limits: WindowLimits): Promise<Prepared> {
  const { model, separator, evaluation, peers, windows, plan, capacities } = options
  const window = windowFor(options.window, limits)
  const evalWindow = windowFor(evaluation.window, limits, '--eval-window')
  const embedded = options.texts.length === 0 && options.embedded ? embeddedTexts() : null
  const sources = embedded?.map(trainingSource) ?? options.texts.map(namedSource)
  const evalSources = evaluation.files.length > 0 ? evaluation.files.map(fileSource) : embedded?.map(heldSource)
  const texts: Tokenised[] = []
  for (const [text, source] of sources.entries()) {
    const calibrated = sharers(peers, sources.length, text) * windows
    const wanted = evalSources ? calibrated * window : readForEnd((calibrated + keptOut(windows)) * window)
    texts.push(await tokenise(work, { dir: model, source, separator, window, wanted }))
  }
  const lengths = texts.map((text) => ({ name: text.name, windows: text.windows.count }))
  const allocation = allocate(peers, lengths, windows, evalSources === undefined)
  const names = siteNames(
    peers,
    lengths.map(({ name }) => name),
  )
  const sites = allocation.sites.map(({ text, from, count }, peer) => ({
    name: names[peer],
    capacity: capacities?.[peer] ?? plan.sample,
    windows: someWindows(texts[text].windows, from, count),
  }))
  const tokens = evaluation.tokens ?? (embedded === null ? DEFAULT_EVAL_TOKENS : EMBEDDED_EVAL_TOKENS)
  const evaluated: EvaluatedText[] = []
  for (const source of evalSources ?? []) {
    const wanted = Math.max(tokens, evalWindow)
    const text = await tokenise(work, { dir: model, source, separator, window: evalWindow, wanted })
    evaluated.push({ name: source.name, windows: evaluatedWindows(text, tokens) })
  }
  for (const { text, from, count } of allocation.kept) {
    const { name, windows } = texts[text]
    const length = evaluation.window === undefined ? window : evalWindow // it was cut into these
    evaluated.push({ name, windows: recut(someWindows(windows, from, count), length, tokens) })
  }
  return { window, sites, evaluated }
}

/** A text named after its file, without the ending: columns are narrow. */
function namedSource(path: string): TextSource {
  return { ...fileSource(path), name: escaped(basename(path, extname(path))) }
}
