/** The work of `coppice prune`: dense perplexity, prune, write and check, perplexity again. */
import { join } from 'node:path'
import { doneInWords } from '../../../protocols/plan/method-words.ts'
import { CoppiceError } from '../../../src/base/errors.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import type { BlockFile } from '../../../src/jobs/block-files.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import type { Measured } from '../../../src/jobs/model/evaluate.ts'
import { writeChecked } from '../../../src/jobs/plain-runs.ts'
import type { PruneArgs } from '../../../src/jobs/prune/prune-args.ts'
import { textName } from '../../../src/model/text/refusals.ts'
import type { BlockZeros } from '../../../src/model/write/zeros.ts'
import { PRUNE_RECORD } from '../../../src/prune/run/prune-record.ts'
import type { PruneSeconds } from '../../../src/prune/run/sequential.ts'
import type { Run } from '../../command.ts'
import { outcomeInWords, sparsityOf } from '../../common/block-matrices.ts'
import { type BlockReport, drained, type EngineRun, labelled } from '../../common/engine.ts'
import { type CardResults, calibratedOn } from '../../common/model-card.ts'
import { changeModel, comparedTexts, type ModelChange, withPerplexities } from '../../common/model-change.ts'
import { type EvaluatedText, perplexities } from '../../common/perplexities.ts'
import { anyWindow } from '../../common/texts.ts'
import { VERSION } from '../../paths.ts'
import { machineReport } from '../../report/machine.ts'
import { prunePage } from '../../report/pictures/prune-page.ts'
import type { PruneReport } from '../../report/prune-report.ts'
import { InterruptedError } from '../../terminal/interruption.ts'
import { duration, grouped, percent, sameLogits } from '../../terminal/numbers.ts'
import { DensePerplexities } from './dense-perplexities.ts'
import type { PruneOptions } from './options.ts'
import { expectedWork, prepare } from './preparation.ts'

/** The directory of finished blocks in the output's scratch. */
const CHECKPOINT_NAME = 'blocks'

export async function prune(options: PruneOptions, run: Run): Promise<PruneReport> {
  const worthKeeping = (scratch: string) => PRUNE_RECORD.liesIn(join(scratch, CHECKPOINT_NAME))
  const kept = new KeptBlocks(options.out)
  try {
    return await changeModel<PruneReport>(options, run, { worthKeeping }, (work) => pruneModel(work, options, kept))
  } catch (error) {
    throw kept.explained(error, run)
  }
}

/** The finished blocks of a prune that may not come to its end. */
class KeptBlocks {
  private readonly out: string
  count = 0
  of = 0

  constructor(out: string) {
    this.out = out
  }

  /** The error, with the way to go on: in its hint if it is an interruption, else as a note before it. */
  explained(error: unknown, { terminal }: Run): unknown {
    if (this.count === 0) return error
    const hint = `Kept: ${this.count} of ${this.of} blocks, in ${this.out}. To go on: the same command.`
    if (error instanceof InterruptedError) return error.withHint(hint)
    if (!(error instanceof CoppiceError && error.code === 'OUTPUT_CHECKPOINT_DAMAGED')) terminal.note(hint)
    return error
  }
}

async function pruneModel(work: ModelChange, options: PruneOptions, kept: KeptBlocks) {
  const { engine, live, output, terminal, signal } = work
  const { model, pruner, target } = options
  const { description, hash, base, left, calibration, texts } = await prepare(work, options)
  const machine = await machineReport(engine)
  const calibrated = calibration && {
    texts: options.texts.map(textName),
    windows: calibration.count,
    window: calibration.length,
  }
  const view = { coppice: VERSION, model, pruner, calibration: calibrated ?? null, machine }
  const blocks = description.forms.map((_, block) => block)
  const job: PruneArgs = {
    ...{ dir: model, pruner, target, blocks, windows: calibration, weights: [], as: 'stored' },
    out: join(output.scratch, CHECKPOINT_NAME),
    resume: { modelHash: hash, other: 'refuse' },
  }
  const earlier = await labelled(work, 'Looking for finished blocks', 'unfinished', job)
  kept.of = blocks.length
  kept.count = earlier?.blocks ?? 0
  if (kept.count > 0) terminal.note(`${kept.count} of ${kept.of} blocks are pruned already: going on from there`)
  const measured = DensePerplexities.open(output.scratch, hash)
  work.meter.expect((size) =>
    expectedWork(
      size,
      job,
      texts.filter(({ windows }) => !measured.knows(windows)),
      texts,
    ),
  )
  const dense = await densePerplexities(work, model, texts, measured)
  await engine.rest()
  const reports: BlockReport[] = []
  live.show(() => prunePage({ ...view, done: { blocks: kept.count, of: kept.of }, end: null }))
  const phases = await drained(work, { label: 'Pruning', unit: 'block' }, 'prune', job, (event) => {
    if (event.type !== 'block') return
    reports.push(event.report)
    kept.count = Math.max(kept.count, reports.length)
    live.touch()
  })
  const weights: BlockFile[] = reports.map(({ block, path }) => ({ block, kind: 'stored', path }))
  const writing = stopwatch()
  const check = (calibration ?? (await anyWindow(work, model))).ids
  terminal.stage('Writing')
  const written = { dir: model, weights, out: output.staging, check, done: doneInWords({ pruner, target }) }
  const { difference, zeros } = await writeChecked(engine, written, { signal })
  const write = writing()
  const pruned = await perplexities(work, { dir: model, kind: 'pruned', texts, weights })
  return {
    report: {
      model,
      pruner,
      calibration: view.calibration,
      ...sparsityOf(description, zeros),
      baseZeros: base.zeros,
      layers: layersOf(description, zeros, reports),
      unpruned: description.unpruned.map((matrix, i) => ({ ...matrix, zeros: zeros.unpruned[i] })),
      perplexity: comparedTexts(texts, { dense, pruned }),
      seconds: { total: work.elapsed() + together(earlier?.seconds), ...phases, write },
      machine,
    },
    page: (report: PruneReport) => prunePage({ ...view, done: { blocks: kept.of, of: kept.of }, end: report }),
    summary: (report: PruneReport) => summary(report, difference),
    card,
    left,
  }
}

/** The sum of the seconds of an earlier run. */
function together(seconds: PruneSeconds | undefined): number {
  return Object.values(seconds ?? {}).reduce((sum: number, phase: number) => sum + phase, 0)
}

/** The dense perplexities, one a text. */
async function densePerplexities(
  work: EngineRun,
  dir: string,
  texts: readonly EvaluatedText[],
  measured: DensePerplexities,
): Promise<Measured[]> {
  const results = []
  for (const { name, windows } of texts) {
    const label = `Evaluating the dense model on ${name}`
    results.push(await measured.of(windows, () => labelled(work, label, 'evaluate', { dir, windows, weights: [] })))
  }
  return results
}

function layersOf(
  { layers }: ModelDescription,
  zeros: BlockZeros,
  reports: readonly BlockReport[],
): PruneReport['layers'] {
  const byBlock = new Map(reports.map((report) => [report.block, report]))
  return layers.map(({ name, block, role, rows, cols }, i) => {
    const report = byBlock.get(block)
    if (report === undefined) throw new Error(`block ${block} was not pruned`)
    const { damping, error } = report
    return { name, block, shape: [rows, cols], zeros: zeros.layers[i], damping: damping[role], error: error[role] }
  })
}

function card({ calibration, perplexity, ...zeros }: PruneReport): CardResults {
  return {
    facts: [outcomeInWords(zeros, false), calibratedOn(calibration)],
    models: ['base', 'this model'],
    texts: perplexity.map(({ dense, pruned, ...text }) => ({ ...text, values: [dense, pruned] })),
  }
}

function summary(report: PruneReport, difference: number | null): string {
  const { sparsity, zeros, weights, seconds, out } = report
  const lines = [
    `${grouped(zeros)} of ${grouped(weights)} weights are zero (${percent(sparsity)}), after ${duration(seconds.total)}.`,
    `Written to ${out}; ${sameLogits(difference)}.`,
  ]
  const dampings = report.layers.map(({ damping }) => damping ?? 0)
  const raised = dampings.filter((damping) => damping > Math.min(...dampings)).length
  if (raised > 0) lines.push(`${raised} layers needed more damping than the others: see --json.`)
  const models = [
    ['dense', 'dense'],
    ['pruned', 'pruned'],
  ] as const
  return withPerplexities(report.perplexity, models, lines)
}
