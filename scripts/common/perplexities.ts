/** Perplexity on the texts that --eval names. */

import type { Windows } from '../../src/form/windows.ts'
import type { BlockFile } from '../../src/jobs/block-files.ts'
import type { WindowLimits } from '../../src/jobs/model/describe.ts'
import type { Measured } from '../../src/jobs/model/evaluate.ts'
import { fileSource } from '../../src/model/text/text.ts'
import { DEFAULT_EVAL_TOKENS, type EvaluationOptions } from '../options/evaluation.ts'
import { windowFor } from '../options/site.ts'
import { type EngineRun, labelled } from './engine.ts'
import { evaluatedWindows, tokenise } from './texts.ts'

export interface EvaluatedText {
  name: string
  windows: Windows
}

interface EvaluationTexts {
  model: string
  separator: string | undefined
  evaluation: EvaluationOptions
  limits: WindowLimits
}

/**
 * The windows of the texts of --eval.
 * @throws {InputError} TEXT_SHORT
 * @throws {UsageError} WINDOW_LONG, WINDOW_FIXED
 */
export async function evaluationTexts(
  work: EngineRun,
  { model, separator, evaluation, limits }: EvaluationTexts,
): Promise<EvaluatedText[]> {
  const length = windowFor(evaluation.window, limits, '--eval-window')
  const texts: EvaluatedText[] = []
  const tokens = evaluation.tokens ?? DEFAULT_EVAL_TOKENS
  for (const file of evaluation.files) {
    const wanted = Math.max(tokens, length)
    const text = await tokenise(work, { dir: model, source: fileSource(file), separator, window: length, wanted })
    texts.push({ name: text.name, windows: evaluatedWindows(text, tokens) })
  }
  return texts
}

/** One perplexity a text. */
export async function perplexities(
  work: EngineRun,
  {
    dir,
    kind,
    texts,
    weights = [],
  }: { dir: string; kind: string; texts: readonly EvaluatedText[]; weights?: BlockFile[] },
): Promise<Measured[]> {
  const results = []
  for (const { name, windows } of texts)
    results.push(await labelled(work, `Evaluating the ${kind} model on ${name}`, 'evaluate', { dir, windows, weights }))
  return results
}
