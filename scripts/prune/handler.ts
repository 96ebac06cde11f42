/** What `coppice prune` does: dense perplexity, prune, write and check, perplexity again. */
import { join } from 'node:path'
import { Engine } from '../../src/engine/engine.ts'
import type { BlockFile, ModelDescription, PruneArgs, TokenWindows } from '../../src/engine/jobs.ts'
import { CoppiceError } from '../../src/errors.ts'
import { filesSource } from '../../src/model/text.ts'
import { holdsCheckpoint } from '../../src/prune/record-file.ts'
import type { PruneSeconds } from '../../src/prune/sequential.ts'
import { windowFor } from '../options/site.ts'
import { OutputDirectory } from '../output-directory.ts'
import type { Run } from '../program.ts'
import { table } from '../report/table.ts'
import { InterruptedError } from '../terminal/interruption.ts'
import { duration, integer, percent, perplexity, sameLogits } from '../terminal/numbers.ts'
import { type BlockReport, drained, labelled, type Work } from '../work/engine.ts'
import { type EvaluatedText, evaluationTexts, type Perplexity, perplexities } from '../work/perplexities.ts'
import { readModel } from '../work/site.ts'
import { anyWindow, firstWindows, tokenise } from '../work/texts.ts'
import { stopwatch } from '../work/usage.ts'
import { DensePerplexities } from './dense-perplexities.ts'
import type { PruneOptions } from './index.ts'

export interface PruneReport {
  model: string
  pruner: string
  /** Share of zeros in the masks. */
  sparsity: number
  zeros: number
  weights: number
  /** `damping`: SparseGPT's, as a share of the mean diagonal of the layer's Hessian; else null. */
  layers: Array<{
    name: string
    block: number
    shape: [out: number, cols: number]
    zeros: number
    damping: number | null
  }>
  perplexity: Array<{ text: string; tokens: number; window: number; dense: number; pruned: number }>
  seconds: { total: number; forward: number; statistics: number; solve: number; write: number }
  peakMemoryBytes: number
  out: string
}

/** In the output's scratch: finished blocks. */
const CHECKPOINT_NAME = 'blocks'

export async function prune(options: PruneOptions, run: Run): Promise<PruneReport> {
  const elapsed = stopwatch()
  const worthKeeping = (scratch: string) => holdsCheckpoint(join(scratch, CHECKPOINT_NAME))
  await using output = await OutputDirectory.reserve(options.out, { worthKeeping })
  await using engine = new Engine()
  const work = { ...run, engine }
  const { model, pruner, target } = options
  const { description, hash } = await readModel(work, model)
  const window = windowFor(options.window, description.maxWindow)
  const calibration = await calibrationWindows(work, options, window)
  const blocks = description.forms.map((_, block) => block)
  const job: PruneArgs = {
    ...{ dir: model, pruner, target, blocks, windows: calibration, weights: [], as: 'stored' },
    out: join(output.scratch, CHECKPOINT_NAME),
    resume: { modelHash: hash, other: 'refuse' },
  }
  const earlier = await labelled(work, 'Looking for finished blocks', 'unfinished', job)
  let finished = earlier?.blocks ?? 0
  if (finished > 0) run.terminal.note(`${finished} of ${blocks.length} blocks are pruned already: going on from there`)
  try {
    const evaluated = await evaluationTexts(work, { ...options, window, longest: description.maxWindow })
    const dense = await densePerplexities(work, model, evaluated, await DensePerplexities.open(output.scratch, hash))
    await engine.rest()
    const reports: BlockReport[] = []
    const phases = await drained(work, { label: 'Pruning', unit: 'block' }, 'prune', job, (event) => {
      if (event.type !== 'block') return
      reports.push(event.report)
      finished = Math.max(finished, reports.length)
    })
    const weights: BlockFile[] = reports.map(({ block, path }) => ({ block, kind: 'stored', path }))
    const writing = stopwatch()
    const check = (calibration ?? (await anyWindow(work, model))).ids
    run.terminal.progress('Writing')
    const difference = await engine.write({ dir: model, weights, out: output.staging, check }, { signal: run.signal })
    const write = writing()
    const pruned = await perplexities(work, { dir: model, kind: 'pruned', texts: evaluated, weights })
    await output.commit()

    const layers = layersOf(description, reports)
    const zeros = layers.reduce((sum, layer) => sum + layer.zeros, 0)
    const count = layers.reduce((sum, { shape: [rows, cols] }) => sum + rows * cols, 0)
    const report: PruneReport = {
      model,
      pruner,
      sparsity: zeros / count,
      zeros,
      weights: count,
      layers,
      perplexity: evaluated.map(({ name, windows }, i) => ({
        text: name,
        tokens: dense[i].tokens,
        window: windows.length,
        dense: dense[i].perplexity,
        pruned: pruned[i].perplexity,
      })),
      seconds: { total: elapsed() + together(earlier?.seconds), ...phases, write },
      peakMemoryBytes: engine.peakMemoryBytes,
      out: options.out,
    }
    run.terminal.say(summary(report, difference))
    return report
  } catch (error) {
    if (finished === 0) throw error
    const hint = `${finished} of ${blocks.length} blocks are kept in ${options.out}: the same command goes on from there.`
    if (error instanceof InterruptedError) throw error.withHint(hint)
    if (!(error instanceof CoppiceError && error.code === 'OUTPUT_CHECKPOINT_DAMAGED')) run.terminal.note(hint)
    throw error
  }
}

/** Seconds of what an earlier run has finished. */
function together(seconds: PruneSeconds | undefined): number {
  return Object.values(seconds ?? {}).reduce((sum: number, phase: number) => sum + phase, 0)
}

/** Magnitude looks at weights alone, so it takes no text even where one is given. */
async function calibrationWindows(
  work: Work,
  { model, pruner, texts, separator, windows }: PruneOptions,
  window: number,
): Promise<TokenWindows | undefined> {
  if (pruner === 'magnitude') return undefined
  const source = filesSource(texts)
  return firstWindows(
    await tokenise(work, { dir: model, source, separator, window, wanted: windows * window }),
    windows,
  )
}

/** By text. */
async function densePerplexities(
  work: Work,
  dir: string,
  texts: readonly EvaluatedText[],
  measured: DensePerplexities,
): Promise<Perplexity[]> {
  const results = []
  for (const { name, windows } of texts) {
    const label = `Evaluating the dense model on ${name}`
    results.push(await measured.of(windows, () => labelled(work, label, 'evaluate', { dir, windows, weights: [] })))
  }
  return results
}

function layersOf({ layers }: ModelDescription, reports: readonly BlockReport[]): PruneReport['layers'] {
  const byBlock = new Map(reports.map((report) => [report.block, report]))
  return layers.map(({ name, block, role, rows, cols }) => {
    const report = byBlock.get(block)
    if (report === undefined) throw new Error(`block ${block} was not pruned`)
    return { name, block, shape: [rows, cols], zeros: report.zeros[role], damping: report.damping[role] }
  })
}

function summary(report: PruneReport, difference: number | null): string {
  const { sparsity, zeros, weights, seconds, out } = report
  const lines = [
    `${integer(zeros)} of ${integer(weights)} weights are zero (${percent(sparsity)}), after ${duration(seconds.total)}.`,
    `Written to ${out}; ${sameLogits(difference)}.`,
  ]
  const dampings = report.layers.map(({ damping }) => damping ?? 0)
  const raised = dampings.filter((damping) => damping > Math.min(...dampings)).length
  if (raised > 0) lines.push(`${raised} layers needed more damping than the others: see --json.`)
  if (report.perplexity.length === 0) return lines.join('\n')
  const rows = report.perplexity.map((text) => [text.text, perplexity(text.dense), perplexity(text.pruned)])
  return [table([['perplexity', 'dense', 'pruned'], ...rows]), ...lines].join('\n')
}
