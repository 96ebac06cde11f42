/** All that `coppice recover` reads before it works, and the work that follows from it. */
import { unprunedInWords } from '../../../protocols/plan/model-words.ts'
import { readModel } from '../../common/base-model.ts'
import { weightsOf } from '../../common/block-matrices.ts'
import { notCopied } from '../../common/companions.ts'
import type { EngineRun } from '../../common/engine.ts'
import { evaluationTexts } from '../../common/perplexities.ts'
import { type RecoveryText, readInstructions, textRows } from '../../common/recovery.ts'
import { RECOVERY } from '../../options/recovery.ts'
import { windowFor } from '../../options/site.ts'
import { evaluation as evaluationWork, type ModelSize, retraining, writing } from '../../progress/job-cost.ts'
import type { Work } from '../../progress/work-plan.ts'
import type { RecoverOptions } from './options.ts'

type Prepared = Awaited<ReturnType<typeof prepare>>

export async function prepare(work: EngineRun, options: RecoverOptions) {
  const { model, recovery, instructions, rows: most } = options
  const { description, hash } = await readModel(work, model)
  const left = await notCopied(work, model)
  for (const line of unprunedInWords(weightsOf(description), 'trained')) work.terminal.note(line)
  const length = windowFor(recovery.length, description, '--length', RECOVERY.length)
  const cut = { length, rows: most }
  const text: RecoveryText =
    instructions === null
      ? await textRows(work, model, options, cut)
      : await readInstructions(work, model, instructions, cut)
  const evaluation = { ...options.evaluation, window: options.evaluation.window ?? options.window }
  const texts = await evaluationTexts(work, { ...options, evaluation, limits: description })
  return { description, hash, left, length, text, texts }
}

/** The work behind the preparation. */
export function expectedWork(size: ModelSize, { recovery }: RecoverOptions, { length, texts }: Prepared): Work[] {
  const measured = texts.map(({ windows }) => evaluationWork(size, windows))
  return [...measured, retraining(size, { ...recovery, length }), writing(size), ...measured]
}
