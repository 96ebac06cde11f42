/** All that `coppice prune` reads before it works, and the work that follows from it. */
import { sparserInWords, unprunedInWords } from '../../../protocols/plan/model-words.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { filesSource } from '../../../src/model/text/text.ts'
import { readModel } from '../../common/base-model.ts'
import { blockMatrices } from '../../common/block-matrices.ts'
import { notCopied } from '../../common/companions.ts'
import type { EngineRun } from '../../common/engine.ts'
import { type EvaluatedText, evaluationTexts } from '../../common/perplexities.ts'
import { firstWindows, tokenise } from '../../common/texts.ts'
import { windowFor } from '../../options/site.ts'
import { evaluation, type ModelSize, type Prune, pruning, writing } from '../../progress/job-cost.ts'
import type { Work } from '../../progress/work-plan.ts'
import type { PruneOptions } from './options.ts'

export async function prepare(work: EngineRun, options: PruneOptions) {
  const { model, target } = options
  const { description, hash } = await readModel(work, model)
  const base = await blockMatrices(work, { dir: model, description })
  for (const line of [...unprunedInWords(base, 'pruned'), ...sparserInWords(base, target)]) work.terminal.note(line)
  const left = await notCopied(work, model)
  const window = windowFor(options.window, description)
  const calibration = await calibrationWindows(work, options, window)
  const texts = await evaluationTexts(work, { ...options, limits: description })
  return { description, hash, base, left, window, calibration, texts }
}

/**
 * The work behind the preparation, the blocks of an earlier run included.
 * @param dense - the texts on which the dense model is measured still
 */
export function expectedWork(
  model: ModelSize,
  job: Prune,
  dense: readonly EvaluatedText[],
  texts: readonly EvaluatedText[],
): Work[] {
  const measured = (all: readonly EvaluatedText[]) => all.map(({ windows }) => evaluation(model, windows))
  return [...measured(dense), pruning(model, job), writing(model), ...measured(texts)]
}

/** Magnitude looks at weights alone, so it takes no text even where one is given. */
async function calibrationWindows(
  work: EngineRun,
  { model, pruner, texts, separator, windows }: PruneOptions,
  window: number,
): Promise<Windows | undefined> {
  if (pruner === 'magnitude') return undefined
  const source = filesSource(texts)
  return firstWindows(
    await tokenise(work, { dir: model, source, separator, window, wanted: windows * window }),
    windows,
  )
}
