/** Pictures of perplexity: what pruning costs on each kind of text. */
import { perplexityText } from '../../terminal/numbers.ts'
import type { PerplexityReport } from '../federation.ts'
import { type Dots, dotsChart } from '../html/charts/dots.ts'
import { linesChart } from '../html/charts/lines.ts'
import type { Section } from '../html/section.ts'
import { type MeasuredText, measuredOn, PERPLEXITY } from '../perplexity-protocol.ts'
import type { SitePerplexity } from '../site-report.ts'

/** A model whose perplexity stands beside that of the base. */
export interface ComparedModel extends Pick<Dots, 'name' | 'colour' | 'shape' | 'isHollow'> {
  /** One entry a text; null: not measured. */
  values: readonly (number | null)[]
}

interface Compared {
  texts: readonly MeasuredText[]
  base: readonly number[]
  models: readonly ComparedModel[]
  /** The sentences on the texts: whose they are, and who has seen them. */
  protocol: readonly string[]
}

/** One dot a model and text: by how much its perplexity is above the base's. No section without a model. */
export function comparedSections({ texts, base, models, protocol }: Compared): Section[] {
  const above = (values: ComparedModel['values']) =>
    values.map((value, i) => (value === null || !Number.isFinite(value) ? null : 100 * (value / base[i] - 1)))
  const known = models.filter(({ values }) => values.some((value) => value !== null))
  if (known.length === 0) return []
  const section: Section = {
    id: 'perplexity',
    title: 'What it costs on each text',
    read: 'Each dot is a model: the farther left, the less its perplexity has grown over that of the base model.',
    charts: [
      dotsChart({
        label: 'Growth of perplexity over the base model, in percent, by text and model',
        rows: texts.map(({ text }) => text),
        series: known.map(({ values, ...model }) => ({ ...model, values: above(values) })),
        format: (value) => `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))} %`,
      }),
    ],
    protocol: [PERPLEXITY, ...protocol, measuredOn(texts)],
    table: {
      head: ['text', 'base', ...known.map(({ name }) => name)],
      rows: texts.map(({ text }, i) => [
        text,
        perplexityText(base[i]),
        ...known.map(({ values }) => perplexityOrNone(values[i])),
      ]),
    },
  }
  return [section]
}

interface Rounds {
  texts: readonly PerplexityReport[]
  /** The names of the rounds that change the model, and their places in `rounds` of a text. */
  steps: readonly { name: string; at: number }[]
}

/** A line a text: its perplexity from the base model on, after each round that changed the model. */
export function roundsSection({ texts, steps }: Rounds): Section {
  const names = ['base', ...steps.map(({ name }) => name)]
  const lines = texts.map(({ text, dense, rounds }) => ({
    name: text,
    values: [dense, ...steps.map(({ at }) => rounds[at] ?? null)],
  }))
  return {
    id: 'rounds',
    title: 'Perplexity after each round',
    read: 'A line rises where a round takes weights away that a kind of text needs, and falls where training repairs it.',
    charts: [
      linesChart({ label: 'Perplexity after each round, by kind of text', steps: names, lines, format: axisText }),
    ],
    protocol: [PERPLEXITY, measuredOn(texts)],
    table: {
      head: ['text', ...names],
      rows: lines.map(({ name, values }) => [name, ...values.map(perplexityOrNone)]),
    },
  }
}

/** The models of a simulation. */
export function simulatedModels(texts: readonly PerplexityReport[]): ComparedModel[] {
  const of = (value: (text: PerplexityReport) => number | null) => texts.map(value)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return [
    { name: 'together', colour: 'blue', shape: 'circle', values: of(({ federated }) => federated) },
    {
      name: 'a site alone (mean)',
      colour: 'orange',
      shape: 'rect',
      values: of(({ isolated }) => (isolated === null ? null : mean(isolated))),
    },
    {
      name: 'the best site alone',
      colour: 'gold',
      shape: 'circle',
      isHollow: true,
      values: of(({ isolated }) => (isolated === null ? null : Math.min(...isolated))),
    },
    { name: 'by votes (l0)', colour: 'green', shape: 'triangle', values: of(({ l0 }) => l0) },
    { name: 'FedAvg', colour: 'pink', shape: 'diamond', values: of(({ fedavg }) => fedavg) },
    {
      name: 'all text in one place',
      colour: 'sky',
      shape: 'diamond',
      isHollow: true,
      values: of(({ pooledText }) => pooledText),
    },
  ]
}

export function siteModels(texts: readonly SitePerplexity[]): ComparedModel[] {
  return [
    { name: 'together', colour: 'blue', shape: 'circle', values: texts.map(({ together }) => together) },
    { name: 'this site alone', colour: 'orange', shape: 'rect', values: texts.map(({ alone }) => alone) },
  ]
}

function perplexityOrNone(value: number | null): string {
  return value === null ? '–' : perplexityText(value)
}

function axisText(value: number): string {
  return String(Number(value.toPrecision(4)))
}
