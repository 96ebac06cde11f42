/** What `coppice shrink` does: dense perplexity, choose, cut and write, check, perplexity again. */
import { Engine } from '../../src/engine/engine.ts'
import { UsageError } from '../../src/errors.ts'
import { windowFor } from '../options/site.ts'
import { OutputDirectory } from '../output-directory.ts'
import type { Run } from '../program.ts'
import { table } from '../report/table.ts'
import { bytes, duration, integer, percent, perplexity, sameLogits } from '../terminal/numbers.ts'
import { describe } from '../work/engine.ts'
import { evaluationTexts, perplexities } from '../work/perplexities.ts'
import { calibration } from '../work/site.ts'
import { stopwatch } from '../work/usage.ts'
import type { ShrinkOptions } from './index.ts'

export interface ShrinkReport {
  model: string
  parameters: { before: number; after: number }
  /** Multiplications with weights for each token, the head's included. */
  macs: { before: number; after: number }
  /** By block of the range: heads with the queries that share their keys and values; queries whose keys and values stay. */
  removed: Array<{ block: number; kvHeads: number; queryHeads: number; channels: number }>
  perplexity: Array<{ text: string; tokens: number; window: number; dense: number; pruned: number }>
  /** In plain ONNX Runtime, on windows of calibration length; null where both did not fit into memory. */
  speed: { prefillTokensPerSecond: { before: number; after: number } | null }
  /** Of the model's graph and weights. */
  bytes: { before: number; after: number }
  seconds: number
  peakMemoryBytes: number
  out: string
}

export async function shrink(options: ShrinkOptions, run: Run): Promise<ShrinkReport> {
  const elapsed = stopwatch()
  await using output = await OutputDirectory.reserve(options.out)
  await using engine = new Engine()
  const work = { ...run, engine }
  const { model, importance, seed, reduction, ratio, groupQueries, uniform } = options
  const { parameters, blocks: count, maxWindow } = await describe(work, model)
  const blocks = blockRange(options.blocks, count)
  if (uniform && blocks[1] - blocks[0] < count) refuseSome(blocks, count)
  const window = windowFor(options.window, maxWindow)
  const windows = await calibration(work, model, options, options.windows, window)
  const texts = await evaluationTexts(work, { ...options, window, longest: maxWindow })
  const dense = await perplexities(work, { dir: model, kind: 'dense', texts })
  await engine.rest()
  run.terminal.progress('Choosing what to remove')
  const check = windows.ids.slice(0, window)
  const job = {
    dir: model,
    importance,
    seed,
    reduction,
    ratio,
    groupQueries,
    uniform,
    blocks,
    windows,
    out: output.staging,
    check,
  }
  const shrunk = await engine.shrink(job, { signal: run.signal })
  const pruned = await perplexities(work, { dir: output.staging, kind: 'smaller', texts })
  await output.commit()
  const report: ShrinkReport = {
    model,
    parameters: { before: parameters, after: shrunk.parameters },
    macs: shrunk.macs,
    removed: shrunk.removed,
    perplexity: texts.map(({ name, windows: { length } }, i) => ({
      text: name,
      tokens: dense[i].tokens,
      window: length,
      dense: dense[i].perplexity,
      pruned: pruned[i].perplexity,
    })),
    speed: { prefillTokensPerSecond: tokensPerSecond(shrunk.prefill, check.length) },
    bytes: shrunk.bytes,
    seconds: elapsed(),
    peakMemoryBytes: engine.peakMemoryBytes,
    out: options.out,
  }
  const notes = uniform ? [...shrunk.notes, UNIFORM_NOTE] : shrunk.notes
  run.terminal.say([summary(report, shrunk.difference), ...notes].join('\n'))
  return report
}

const UNIFORM_NOTE = 'model.safetensors and config.json hold the same model for Hugging Face tools.'

/** @throws {UsageError} BLOCKS_RANGE */
function blockRange(wanted: [from: number, to: number] | undefined, count: number): [from: number, to: number] {
  const [from, to] = wanted ?? [0, count]
  if (from < to && to <= count) return [from, to]
  throw new UsageError({
    code: 'BLOCKS_RANGE',
    what: `--blocks ${from}:${to} is no range of the ${count} blocks of the model`,
    hint: `Give --blocks A:B with A below B and B at most ${count}; B itself stays whole.`,
  })
}

/** @throws {UsageError} UNIFORM_BLOCKS, always */
function refuseSome([from, to]: [from: number, to: number], count: number): never {
  throw new UsageError({
    code: 'UNIFORM_BLOCKS',
    what: `--uniform with --blocks ${from}:${to}: the ${count} blocks of the model would differ in width`,
    hint: 'Give --uniform without --blocks.',
  })
}

function speedInWords({ prefillTokensPerSecond: speed }: ShrinkReport['speed']): string {
  if (speed === null) return ''
  const { before, after } = speed
  return `; ONNX Runtime reads ${integer(Math.round(after))} tokens a second, the base ${integer(Math.round(before))}`
}

function tokensPerSecond(prefill: number[] | null, tokens: number): { before: number; after: number } | null {
  if (prefill === null) return null
  const [before, after] = prefill.map((seconds) => tokens / seconds)
  return { before, after }
}

function summary(
  { parameters, macs, removed, perplexity: texts, speed, bytes: size, seconds, out }: ShrinkReport,
  difference: number | null,
): string {
  const heads = removed.reduce((sum, { kvHeads }) => sum + kvHeads, 0)
  const queries = removed.reduce((sum, { queryHeads }) => sum + queryHeads, 0)
  const goneHeads =
    queries === 0
      ? `${integer(heads)} heads (each with the queries that share its keys)`
      : `${integer(queries)} query heads (keys and values stay)`
  const channels = removed.reduce((sum, { channels: own }) => sum + own, 0)
  const { before, after } = parameters
  const lines = [
    `${goneHeads} and ${integer(channels)} channels of ${removed.length} blocks are gone.`,
    ...(heads + queries === 0 ? ['No head went: the ratio is less than one of them in every block.'] : []),
    `${integer(after)} of ${integer(before)} parameters are left (${percent(after / before)}), ${bytes(size.after)} of ${bytes(size.before)}, after ${duration(seconds)}.`,
    `${percent(1 - macs.after / macs.before)} of the multiplications with weights are gone${speedInWords(speed)}.`,
    `Written to ${out}; ${sameLogits(difference)}.`,
  ]
  if (texts.length === 0) return lines.join('\n')
  const rows = texts.map((text) => [text.text, perplexity(text.dense), perplexity(text.pruned)])
  return [table([['perplexity', 'dense', 'smaller'], ...rows]), ...lines].join('\n')
}
