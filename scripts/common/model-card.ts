/**
 * The results in the card of a written model: what became of it, and what was measured. Whoever publishes the model
 * publishes the card, so no name of a text, of a site or of a path is in it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { orUnwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { isCard, withResults } from '../../src/model/write/model-card.ts'
import type { PlanReport } from '../report/federation.ts'
import { type MeasuredText, measuredOn, PERPLEXITY } from '../report/perplexity-protocol.ts'
import type { CalibrationReport } from '../report/prune-report.ts'
import { counted, grouped, perplexityText } from '../terminal/numbers.ts'

/** Sentences, and the perplexities on each text: one value for each of `models`. */
export interface CardResults {
  facts: readonly string[]
  /** Names of the models that were measured, the base first. */
  models: readonly string[]
  texts: readonly (Omit<MeasuredText, 'text'> & { values: readonly number[] })[]
}

/**
 * Writes the results into the card of the model in `directory`. A card that somebody has replaced or removed is left as
 * it is.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function addToCard(directory: string, results: CardResults): Promise<void> {
  const name = readdirSync(directory).find(isCard)
  if (name === undefined) return
  const path = join(directory, name)
  const card = withResults(readFileSync(path), resultsInWords(results))
  if (card !== null) await orUnwritable(path, writeDurably(path, card))
}

/** The section of the card. */
export function resultsInWords({ facts, models, texts }: CardResults): string {
  const named = texts.map((text, i) => ({ ...text, text: `text ${i + 1}` }))
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rows = named.map(({ text, values }) => row([text, ...values.map(perplexityText)]))
  const heading = ['perplexity', ...models]
  const measured =
    texts.length === 0
      ? ['No perplexity was measured.']
      : [[row(heading), row(heading.map(() => '---')), ...rows].join('\n'), `${PERPLEXITY} ${measuredOn(named)}`]
  return ['## Results', facts.map((fact) => `- ${fact}`).join('\n'), ...measured].join('\n\n')
}

/** The text that one site calibrated on. */
export function calibratedOn(calibration: Pick<CalibrationReport, 'windows' | 'window'> | null): string {
  if (calibration === null) return 'No text was used: the method looks at weights alone.'
  const { window, windows } = calibration
  return `Calibrated on ${counted(windows, 'window')} of ${grouped(window)} tokens.`
}

interface Agreed {
  /** The number of sites, and of certified rounds. */
  sites: number
  rounds: number
  root: string
}

/** The federation that has made a model. */
export function federationFacts(
  { id, masked, model, window, windows }: PlanReport,
  { root, rounds, sites }: Agreed,
): string[] {
  const seen = masked ? 'Only sums over sites were seen' : 'Every site saw the numbers that the others offered'
  return [
    `${counted(sites, 'site')} made it together in ${counted(rounds, 'round')}. No text left a site. ${seen}.`,
    `Each site calibrated on ${counted(windows, 'window')} of ${grouped(window)} tokens of its own text.`,
    `Federation ${id}. The root of the model that the sites agreed on: ${root}. Whoever has the results of a site and the base checks it with coppice verify.`,
    `Hash of the base (graph, weights, tokenizer): ${model.hash}.`,
  ]
}
