/** The work of `coppice shrink`: choose, cut and write, check, perplexity before and after. */
import { join } from 'node:path'
import type { JobEvent } from '../../../src/jobs/job.ts'
import { type CheckedModel, shrinkChecked, writeChecked } from '../../../src/jobs/plain-runs.ts'
import type { Granularity, RemovedFromBlock, Shrink } from '../../../src/jobs/structure/shrink-args.ts'
import { textName } from '../../../src/model/text/refusals.ts'
import { TRAINING_RECORD } from '../../../src/recover/training-record.ts'
import type { Run } from '../../command.ts'
import { describe, type EngineRun, labelled } from '../../common/engine.ts'
import { type CardResults, calibratedOn } from '../../common/model-card.ts'
import { changeModel, comparedTexts, type ModelChange, withPerplexities } from '../../common/model-change.ts'
import type { OutputDirectory } from '../../common/output-directory.ts'
import { type EvaluatedText, perplexities } from '../../common/perplexities.ts'
import { RECOVERED, recoveryInWords, TRAINING_NAME, textRows, trained } from '../../common/recovery.ts'
import { RECOVERY, type RecoveryOptions } from '../../options/recovery.ts'
import { windowFor } from '../../options/site.ts'
import { VERSION } from '../../paths.ts'
import { jobText } from '../../progress/counted.ts'
import { machineReport } from '../../report/machine.ts'
import { shrinkPage } from '../../report/pictures/shrink-page.ts'
import type { ShrinkReport, SpeedReport } from '../../report/shrink-report.ts'
import { type TimeChange, timeChange } from '../../report/time-change.ts'
import {
  bytes,
  changePercent,
  counted,
  duration,
  grouped,
  percent,
  runTime,
  sameLogits,
} from '../../terminal/numbers.ts'
import { keptOrMade, SMALLER, shrinkFingerprint } from './kept.ts'
import type { ShrinkOptions } from './options.ts'
import { expectedWork, isUniform, prepare } from './preparation.ts'

export function shrink(options: ShrinkOptions, run: Run): Promise<ShrinkReport> {
  const worthKeeping = (scratch: string) => TRAINING_RECORD.liesIn(join(scratch, TRAINING_NAME))
  const reserve = options.recovery === null ? {} : { worthKeeping }
  return changeModel<ShrinkReport>(options, run, reserve, (work) => shrinkModel(work, options))
}

async function shrinkModel(work: ModelChange, options: ShrinkOptions) {
  const { engine, live, output } = work
  const { model, what } = options
  const uniform = isUniform(what)
  const prepared = await prepare(work, options)
  const { description, left, texts, window, windows } = prepared
  const { name, parameters } = description
  const machine = await machineReport(engine)
  const calibrated = { texts: options.texts.map(textName), windows: windows.count, window }
  const view = { coppice: VERSION, model, calibration: calibrated, machine }
  live.show(() => shrinkPage({ ...view, end: null }))
  const check = windows.ids.slice(0, window)
  const done = DONE[what.granularity]
  const job = { what, dir: model, windows, check, done: options.recovery === null ? done : undefined }
  work.meter.expect((size) => expectedWork(size, options, prepared))
  const shrinkTo = (out: string) => choose(work, { ...job, out })
  const smaller = options.recovery === null ? output.staging : join(output.scratch, SMALLER)
  const shrunk =
    options.recovery === null
      ? await shrinkTo(smaller)
      : await keptOrMade(work, output, await shrinkFingerprint(work, name, job), shrinkTo)
  // Only now: a ratio that removes nothing is refused before anything is measured.
  const dense = await perplexities(work, { dir: model, kind: 'dense', texts })
  await engine.rest()
  const pruned = await perplexities(work, { dir: smaller, kind: 'smaller', texts })
  const recovery = options.recovery && (await recovered(work, options, options.recovery, { output, smaller, texts }))
  const words = recovery === null ? [] : recoveryInWords(recovery.trained)
  const notes = uniform ? [...shrunk.notes, UNIFORM_NOTE] : shrunk.notes
  const difference = recovery?.difference ?? shrunk.difference
  return {
    report: {
      model,
      calibration: calibrated,
      parameters: { before: parameters, after: shrunk.parameters },
      macs: shrunk.macs,
      removed: shrunk.removed,
      ...(shrunk.sought !== null && { sought: shrunk.sought }),
      perplexity: comparedTexts(texts, { dense, pruned }).map((text, i) => ({
        ...text,
        recovered: recovery?.perplexities[i].perplexity ?? null,
      })),
      recovery: recovery && { steps: recovery.trained.steps, taken: recovery.trained.best.step },
      speed: {
        reading: speedOf(shrunk.prefill, check.length),
        writing: speedOf(shrunk.decode, 1),
      },
      bytes: shrunk.bytes,
      seconds: work.elapsed(),
      machine,
    },
    page: (report: ShrinkReport) => shrinkPage({ ...view, end: report }),
    card,
    summary: (report: ShrinkReport) => [summary(report, what, words, difference), ...notes].join('\n'),
    left,
  }
}

/** Chooses what to remove, and writes the smaller model. */
function choose({ engine, terminal, signal }: ModelChange, job: Parameters<typeof shrinkChecked>[1]) {
  terminal.stage('Choosing what to remove')
  const onEvent = (event: JobEvent) =>
    event.type === 'progress' && terminal.step(jobText('Choosing what to remove', 'shrink', event.done, event.total))
  return shrinkChecked(engine, job, { signal, onEvent })
}

/** Sentences for the model's card. */
const DONE: Readonly<Record<Granularity, string>> = {
  'heads-and-channels': 'Attention heads and channels were removed, so that its tensors are smaller.',
  blocks: 'Whole blocks were removed.',
  'hidden-channels': 'Hidden channels of the whole model were removed, so that all its tensors are smaller.',
}

const UNIFORM_NOTE = 'model.safetensors and config.json hold the same model for Hugging Face tools.'

/** Trains the smaller model and writes the result. */
async function recovered(
  work: EngineRun,
  { model, recoveryText, what, out }: ShrinkOptions,
  recovery: RecoveryOptions,
  { output, smaller, texts }: { output: OutputDirectory; smaller: string; texts: readonly EvaluatedText[] },
) {
  const { engine, signal, terminal } = work
  const description = await describe(work, smaller)
  const hash = await labelled(work, 'Hashing the model', 'hash', { dir: smaller })
  const length = windowFor(recovery.length, description, '--length', RECOVERY.length)
  const text = await textRows(work, smaller, recoveryText, { length })
  await engine.rest()
  const scratch = join(output.scratch, TRAINING_NAME)
  const learnt = await trained(work, { dir: smaller, hash }, text, { recovery, out: scratch, kept: out })
  terminal.stage('Writing')
  const { weights } = learnt
  const check = text.rows.ids.slice(0, length)
  const done = `${DONE[what.granularity]} ${RECOVERED}`
  const written = { dir: smaller, weights, out: output.staging, check, uniform: isUniform(what), done, madeOf: model }
  const { difference } = await writeChecked(engine, written, { signal })
  const after = await perplexities(work, { dir: smaller, kind: 'recovered', texts, weights })
  return { trained: learnt, difference, perplexities: after }
}

function speedOf(times: CheckedModel['prefill'], tokens: number): SpeedReport | null {
  return times && { tokens, ...timeChange(...times) }
}

function speedInWords({ reading, writing }: ShrinkReport['speed']): string[] {
  if (reading === null) return []
  const read = `In ONNX Runtime, reading ${counted(reading.tokens, 'token')}: ${changeInWords(reading)}.`
  return writing === null ? [read] : [read, `Writing one behind them: ${changeInWords(writing)}.`]
}

function changeInWords({ seconds, change, spread, isBeyondNoise }: TimeChange): string {
  const found = isBeyondNoise ? changePercent(change) : 'no difference beyond noise'
  return `${runTime(seconds.before)} -> ${runTime(seconds.after)} (${found}, spread ${percent(Number(spread.toFixed(2)))})`
}

function soughtInWords({ ratio, blocks: [from, to], heads }: NonNullable<ShrinkReport['sought']>): string {
  const what = heads ? 'heads and channels' : 'channels'
  return `Of all candidates, removing ${percent(Number(ratio.toFixed(4)))} of the ${what} of blocks ${from} to ${to - 1} had the lowest loss.`
}

function removedInWords(
  { removed, sought }: Pick<ShrinkReport, 'removed' | 'sought'>,
  importance: Shrink['importance'],
): string[] {
  const some = removed.flatMap((own) => ('channels' in own ? own : []))
  const [heads, queries, channels] = (['kvHeads', 'queryHeads', 'channels'] as const).map((kind) =>
    some.reduce((sum, own) => sum + own[kind], 0),
  )
  const goneHeads =
    queries > 0
      ? [`${counted(queries, 'query head')} (keys and values stay)`]
      : heads > 0
        ? [`${counted(heads, 'head')} (each with the queries that share its keys)`]
        : []
  return [
    `Removed: ${[...goneHeads, counted(channels, 'channel')].join(' and ')} of ${counted(removed.length, 'block')}.`,
    ...(sought !== undefined ? [soughtInWords(sought)] : []),
    ...(heads + queries === 0 && importance !== 'flap-adaptive' && sought === undefined
      ? ['No head was removed: the ratio is smaller than one head in every block.']
      : []),
  ]
}

function droppedInWords(removed: readonly RemovedFromBlock[]): string[] {
  const which = removed.map(({ block }) => block).join(', ')
  return [`Removed: ${counted(removed.length, 'block')} (${which}).`]
}

function narrowedInWords([first]: readonly RemovedFromBlock[]): string[] {
  const gone = first !== undefined && 'hiddenChannels' in first ? first.hiddenChannels : 0
  return [`Removed: ${counted(gone, 'hidden channel')} of the whole model.`]
}

function whatWent(
  { removed, sought }: Pick<ShrinkReport, 'removed' | 'sought'>,
  { granularity, importance }: Shrink,
): string[] {
  if (granularity === 'blocks') return droppedInWords(removed)
  return granularity === 'hidden-channels' ? narrowedInWords(removed) : removedInWords({ removed, sought }, importance)
}

function card({ calibration, parameters: { after, before }, perplexity, recovery }: ShrinkReport): CardResults {
  const trained = recovery && `Recovered by ${counted(recovery.steps, 'step')} of training.`
  return {
    facts: [
      `${grouped(after)} of ${grouped(before)} parameters are left (${percent(after / before)}).`,
      calibratedOn(calibration),
      ...(trained === null ? [] : [trained]),
    ],
    models: ['base', ...(recovery === null ? ['this model'] : ['before recovery', 'this model'])],
    texts: perplexity.map(({ dense, pruned, recovered, ...text }) => ({
      ...text,
      values: [dense, pruned, ...(recovered === null ? [] : [recovered])],
    })),
  }
}

function summary(
  { parameters, macs, removed, sought, perplexity: texts, speed, bytes: size, seconds, out }: ShrinkReport,
  what: Shrink,
  recoveryWords: readonly string[],
  difference: number | null,
): string {
  const { before, after } = parameters
  const lines = [
    ...whatWent({ removed, sought }, what),
    `${grouped(after)} of ${grouped(before)} parameters are left (${percent(after / before)}), ${bytes(size.after)} of ${bytes(size.before)}, after ${duration(seconds)}.`,
    `${percent(1 - macs.after / macs.before)} fewer multiplications with weights.`,
    ...speedInWords(speed),
    ...recoveryWords,
    `Written to ${out}; ${sameLogits(difference)}.`,
  ]
  const models = [
    ['dense', 'dense'],
    ['pruned', 'smaller'],
    ...(recoveryWords.length > 0 ? ([['recovered', 'recovered']] as const) : []),
  ] as const
  return withPerplexities(texts, models, lines)
}
