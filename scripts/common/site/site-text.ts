/** The text on which a site of a federation calibrates, and the text on which it measures the result. */
import { basename } from 'node:path'
import { InputError } from '../../../src/base/errors.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { WindowLimits } from '../../../src/jobs/model/describe.ts'
import { someWindows } from '../../../src/model/text/text.ts'
import { DEFAULT_EVAL_TOKENS } from '../../options/evaluation.ts'
import { type TextOptions, windowFor } from '../../options/site.ts'
import type { SiteEvaluationOptions } from '../../options/site-evaluation.ts'
import type { EngineRun } from '../engine.ts'
import { type EvaluatedText, evaluationTexts } from '../perplexities.ts'
import { calibration, firstWindows, tokenise } from '../texts.ts'
import { keptOut, readForEnd, recut } from './kept-out.ts'

/** The name of the kept-out part of a site's own text. */
export const KEPT_OUT = 'your text kept out'

export interface SiteTextOptions extends TextOptions {
  /** The model's directory. */
  model: string
  /** null with --no-eval. */
  evaluation: SiteEvaluationOptions | null
}

/** The windows that a plan asks for, and the lengths that the model takes. */
interface WantedWindows {
  windows: number
  window: number
  limits: WindowLimits
}

export interface SiteText {
  calibration: Windows
  /** Empty if nothing is measured. */
  evaluated: EvaluatedText[]
}

/**
 * Reads both texts, before the plan is shown or anything is sent.
 * @throws {InputError} TEXT_SHORT
 * @throws {UsageError} WINDOW_LONG, WINDOW_FIXED
 */
export async function siteText(work: EngineRun, options: SiteTextOptions, asked: WantedWindows): Promise<SiteText> {
  const { model, texts, evaluation } = options
  const { windows, window, limits } = asked
  if (evaluation === null || evaluation.files.length > 0 || texts.length === 0) {
    return {
      calibration: await calibration(work, model, options, windows, window),
      evaluated: evaluation === null ? [] : await evaluationTexts(work, { ...options, evaluation, limits }),
    }
  }
  // The part that is kept out was cut into the windows of the calibration.
  const length = evaluation.window === undefined ? window : windowFor(evaluation.window, limits, '--eval-window')
  const source = { name: texts.map((path) => basename(path)).join(', '), files: texts }
  const kept = keptOut(windows)
  const wanted = readForEnd((windows + kept) * window)
  const text = await tokenise(work, { dir: model, source, separator: options.separator, window, wanted })
  const { count } = text.windows
  if (count >= windows && count < windows + kept) throw nothingToKeep(text, windows, kept)
  const calibrated = firstWindows(text, windows)
  const end = someWindows(text.windows, count - kept, kept)
  const evaluated = { name: KEPT_OUT, windows: recut(end, length, evaluation.tokens ?? DEFAULT_EVAL_TOKENS) }
  return { calibration: calibrated, evaluated: [evaluated] }
}

function nothingToKeep(text: { name: string; windows: Windows }, windows: number, kept: number): InputError {
  const { count, length } = text.windows
  return new InputError({
    code: 'TEXT_SHORT',
    what: `the text ${text.name} has ${count} windows of ${length}; ${windows + kept} are needed: ${windows} to calibrate on, ${kept} kept out to measure the result on`,
    hint: 'Give a longer text; or another one to measure on, with --eval; or --no-eval, to measure nothing.',
  })
}
