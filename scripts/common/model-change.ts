/**
 * The script that prune, shrink and recover share: an output directory is reserved, one engine makes a model in it, the
 * output appears when all of it is there, and the report is shown.
 */
import { stopwatch } from '../../src/base/stopwatch.ts'
import type { Measured } from '../../src/jobs/model/evaluate.ts'
import { openEngine } from '../../src/jobs/open-engine.ts'
import type { Run } from '../command.ts'
import { LivePage } from '../live/live-page.ts'
import type { PageOptions } from '../options/page.ts'
import type { Page } from '../report/html/page.ts'
import { table } from '../report/table.ts'
import { perplexityText } from '../terminal/numbers.ts'
import { apartFrom } from './companions.ts'
import type { EngineRun } from './engine.ts'
import { addToCard, type CardResults } from './model-card.ts'
import { OutputDirectory, type ReserveOptions, writePage } from './output-directory.ts'
import type { EvaluatedText } from './perplexities.ts'

/** The means for the work on a model. */
export interface ModelChange extends EngineRun {
  output: OutputDirectory
  /** Seconds since the command began. */
  elapsed(): number
  live: LivePage
}

/** Fields that every report has. */
interface Ending {
  peakMemoryBytes: number
  /** The output directory, absolute. */
  out: string
}

interface Changed<Report extends Ending> {
  report: Omit<Report, keyof Ending>
  /** The report for people. */
  summary(report: Report): string
  /** The words for the model's card. */
  card(report: Report): CardResults
  /** The report as a page, beside the model; absent: there is none. */
  page?(report: Report): Page
  /** The files that were not copied, see notCopied. */
  left: string | null
}

/**
 * Runs `change`, which leaves a whole model in `output.staging`, then puts the output in place and shows the report.
 * @throws {OutputError} the output directory cannot be reserved or put in place
 */
export async function changeModel<Report extends Ending>(
  options: Parameters<typeof apartFrom>[0] & { out: string } & Partial<PageOptions>,
  run: Run,
  reserve: ReserveOptions,
  change: (work: ModelChange) => Promise<Changed<Report>>,
): Promise<Report> {
  const elapsed = stopwatch()
  await using output = await OutputDirectory.reserve(options.out, reserve)
  await using engine = openEngine({ apart: apartFrom(options), meter: run.meter.jobs })
  await using live = await LivePage.open(options.page ?? null, run.terminal)
  live.announce()
  const { report: own, summary, card, page, left } = await change({ ...run, engine, output, elapsed, live })
  const report = { ...own, peakMemoryBytes: engine.peakMemoryBytes, out: options.out } as Report
  await addToCard(output.staging, card(report))
  const shown = page === undefined ? null : await writePage(run, output.staging, () => page(report))
  await output.commit()
  if (shown !== null) await live.end(shown)
  run.terminal.say(summary(report))
  if (left !== null) run.terminal.note(left)
  return report
}

/** One row a text: its windows, and the perplexity of each model under the model's name. */
export function comparedTexts<Name extends string>(
  texts: readonly EvaluatedText[],
  measured: Readonly<Record<Name, readonly Measured[]>>,
): ({ text: string; tokens: number; window: number } & Record<Name, number>)[] {
  const models = Object.entries(measured) as [Name, readonly Measured[]][]
  return texts.map(({ name, windows }, i) => ({
    ...{ text: name, tokens: models[0][1][i].tokens, window: windows.length },
    ...(Object.fromEntries(models.map(([model, values]) => [model, values[i].perplexity])) as Record<Name, number>),
  }))
}

/** The table above a summary, with one column a model; nothing where no text was evaluated. */
export function withPerplexities<Name extends string>(
  texts: readonly ({ text: string; window: number } & Record<Name, number | null>)[],
  models: readonly (readonly [key: Name, head: string])[],
  lines: readonly string[],
): string {
  if (texts.length === 0) return lines.join('\n')
  const rows = texts.map((row) => [row.text, ...models.map(([key]) => perplexityText(row[key] as number))])
  return [
    table([[`perplexity, windows of ${texts[0].window}`, ...models.map(([, head]) => head)], ...rows]),
    ...lines,
  ].join('\n')
}
