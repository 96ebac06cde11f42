/** The work of `coppice recover`: perplexity before, train, write and check, perplexity again. */
import { join } from 'node:path'
import { unprunedInWords } from '../../../protocols/plan/model-words.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { writeChecked } from '../../../src/jobs/plain-runs.ts'
import type { RecoveredModel } from '../../../src/jobs/structure/recover.ts'
import type { RecoverArgs } from '../../../src/jobs/structure/recover-args.ts'
import { TRAINING_RECORD } from '../../../src/recover/training-record.ts'
import type { Run } from '../../command.ts'
import { readModel } from '../../common/base-model.ts'
import { weightsOf } from '../../common/block-matrices.ts'
import { apartFrom, notCopied } from '../../common/companions.ts'
import { OutputDirectory } from '../../common/output-directory.ts'
import { evaluationTexts, perplexities } from '../../common/perplexities.ts'
import { RECOVERED, readInstructions, recoveryInWords, TRAINING, textRows, trained } from '../../common/recovery.ts'
import { RECOVERY } from '../../options/recovery.ts'
import { windowFor } from '../../options/site.ts'
import { table } from '../../report/table.ts'
import { duration, perplexityText, sameLogits } from '../../terminal/numbers.ts'
import type { RecoverOptions } from './options.ts'

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

export async function recover(options: RecoverOptions, run: Run): Promise<RecoverReport> {
  const elapsed = stopwatch()
  const { model, recovery, instructions, rows: most } = options
  const worthKeeping = (scratch: string) => TRAINING_RECORD.liesIn(join(scratch, TRAINING))
  await using output = await OutputDirectory.reserve(options.out, { worthKeeping })
  await using engine = openEngine({ apart: apartFrom(options) })
  const work = { ...run, engine }
  const { description, hash } = await readModel(work, model)
  const left = await notCopied(work, model)
  for (const line of unprunedInWords(weightsOf(description), 'trained')) run.terminal.note(line)
  const length = windowFor(recovery.length, description, '--length', RECOVERY.length)
  const cut = { length, rows: most }
  const text =
    instructions === null
      ? await textRows(work, model, options, cut)
      : await readInstructions(work, model, instructions, cut)
  const window = windowFor(options.window, description)
  const texts = await evaluationTexts(work, { ...options, window, limits: description })
  const before = await perplexities(work, { dir: model, kind: 'given', texts })
  await engine.rest()
  const scratch = join(output.scratch, TRAINING)
  const recovered = await trained(work, { dir: model, hash }, text, { recovery, out: scratch, kept: options.out })
  const { weights } = recovered
  run.terminal.progress('Writing')
  const check = text.rows.ids.slice(0, length)
  const written = { dir: model, weights, out: output.staging, check, done: RECOVERED }
  const { difference } = await writeChecked(engine, written, { signal: run.signal })
  const after = await perplexities(work, { dir: model, kind: 'recovered', texts, weights })
  await output.commit()
  const report: RecoverReport = {
    model,
    settings: { ...recovered.settings, length },
    steps: { done: recovered.steps, taken: recovered.best.step },
    rows: { ...recovered.rows, skipped: text.skipped },
    trained: recovered.trained,
    heldLayers: recovered.heldLayers,
    loss: recovered.loss,
    keptOut: { before: recovered.before.perplexity, after: recovered.best.perplexity },
    perplexity: texts.map(({ name, windows }, i) => ({
      text: name,
      tokens: before[i].tokens,
      window: windows.length,
      pruned: before[i].perplexity,
      recovered: after[i].perplexity,
    })),
    seconds: { total: elapsed(), training: recovered.seconds },
    peakMemoryBytes: engine.peakMemoryBytes,
    out: options.out,
  }
  run.terminal.say(summary(report, recoveryInWords(recovered), difference))
  if (left !== null) run.terminal.note(left)
  return report
}

function summary(
  { perplexity: texts, seconds, out }: RecoverReport,
  words: string[],
  difference: number | null,
): string {
  const lines = [...words, `Written to ${out} after ${duration(seconds.total)}; ${sameLogits(difference)}.`]
  if (texts.length === 0) return lines.join('\n')
  const rows = texts.map((text) => [text.text, perplexityText(text.pruned), perplexityText(text.recovered)])
  return [table([['perplexity', 'given', 'recovered'], ...rows]), ...lines].join('\n')
}
