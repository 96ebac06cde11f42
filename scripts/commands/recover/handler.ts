/** The work of `coppice recover`: perplexity before, train, write and check, perplexity again. */
import { join } from 'node:path'
import { writeChecked } from '../../../src/jobs/plain-runs.ts'
import type { RecoveredModel } from '../../../src/jobs/structure/recover.ts'
import type { RecoverArgs } from '../../../src/jobs/structure/recover-args.ts'
import { TRAINING_RECORD } from '../../../src/recover/training-record.ts'
import type { Run } from '../../command.ts'
import type { CardResults } from '../../common/model-card.ts'
import { changeModel, comparedTexts, withPerplexities } from '../../common/model-change.ts'
import { perplexities } from '../../common/perplexities.ts'
import { RECOVERED, recoveryInWords, TRAINING_NAME, trained } from '../../common/recovery.ts'
import { counted, duration, grouped, sameLogits } from '../../terminal/numbers.ts'
import type { RecoverOptions } from './options.ts'
import { expectedWork, prepare } from './preparation.ts'

interface RecoverReport {
  model: string
  settings: RecoverArgs['settings'] & { length: number }
  /** The number of steps done, and the step whose adapters were kept. */
  steps: { done: number; taken: number }
  rows: { learnt: number; keptOut: number; skipped: number }
  /** The number of trained parameters. */
  trained: number
  /** The number of layers whose zeros stayed zeros. */
  heldLayers: number
  /** Mean loss over a batch, before the first step and before the last. */
  loss: RecoveredModel['loss']
  /** Perplexity on the held-out rows. */
  keptOut: { before: number; after: number }
  perplexity: Array<{ text: string; tokens: number; window: number; pruned: number; recovered: number }>
  seconds: { total: number; training: number }
  peakMemoryBytes: number
  out: string
}

export function recover(options: RecoverOptions, run: Run): Promise<RecoverReport> {
  const worthKeeping = (scratch: string) => TRAINING_RECORD.liesIn(join(scratch, TRAINING_NAME))
  return changeModel<RecoverReport>(options, run, { worthKeeping }, async (work) => {
    const { engine, output, terminal, signal } = work
    const { model, recovery } = options
    const prepared = await prepare(work, options)
    const { hash, left, length, text, texts } = prepared
    work.meter.expect((size) => expectedWork(size, options, prepared))
    const pruned = await perplexities(work, { dir: model, kind: 'given', texts })
    await engine.rest()
    const scratch = join(output.scratch, TRAINING_NAME)
    const training = await trained(work, { dir: model, hash }, text, { recovery, out: scratch, kept: options.out })
    const { weights } = training
    terminal.stage('Writing')
    const check = text.rows.ids.slice(0, length)
    const written = { dir: model, weights, out: output.staging, check, done: RECOVERED }
    const { difference } = await writeChecked(engine, written, { signal })
    const recovered = await perplexities(work, { dir: model, kind: 'recovered', texts, weights })
    return {
      report: {
        model,
        settings: { ...training.settings, length },
        steps: { done: training.steps, taken: training.best.step },
        rows: { ...training.rows, skipped: text.skipped },
        trained: training.trained,
        heldLayers: training.heldLayers,
        loss: training.loss,
        keptOut: { before: training.before.perplexity, after: training.best.perplexity },
        perplexity: comparedTexts(texts, { pruned, recovered }),
        seconds: { total: work.elapsed(), training: training.seconds },
      },
      summary: (report) => summary(report, recoveryInWords(training), difference),
      card,
      left,
    }
  })
}

function card({ perplexity, rows, settings, steps }: RecoverReport): CardResults {
  const learnt = `${counted(rows.learnt, 'row')} of ${grouped(settings.length)} tokens`
  return {
    facts: [`Trained on ${learnt}; the adapters of step ${steps.taken} of ${steps.done} were kept.`],
    models: ['given', 'this model'],
    texts: perplexity.map(({ pruned, recovered, ...text }) => ({ ...text, values: [pruned, recovered] })),
  }
}

function summary(
  { perplexity: texts, seconds, out }: RecoverReport,
  words: string[],
  difference: number | null,
): string {
  const lines = [...words, `Written to ${out} after ${duration(seconds.total)}; ${sameLogits(difference)}.`]
  const models = [
    ['pruned', 'given'],
    ['recovered', 'recovered'],
  ] as const
  return withPerplexities(texts, models, lines)
}
