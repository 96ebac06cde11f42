/** The page of a smaller model, while it is made and at its end. */

import type { RemovedFromBlock } from '../../../src/jobs/structure/shrink-args.ts'
import { modelName } from '../../../src/model/graph/directory.ts'
import { bytes, changePercent, counted, duration, grouped, percent, runTime } from '../../terminal/numbers.ts'
import { stacksChart } from '../html/charts/stacks.ts'
import type { Page } from '../html/page.ts'
import type { Section } from '../html/section.ts'
import { type MachineReport, machineInWords } from '../machine.ts'
import type { ShrinkReport } from '../shrink-report.ts'
import { type ComparedModel, comparedSections } from './perplexity.ts'

/** A report, of which the end may not be there yet. */
interface ShrinkView extends Pick<ShrinkReport, 'model' | 'calibration'> {
  coppice: string
  machine: MachineReport
  /** null: it still runs. */
  end: ShrinkReport | null
}

export function shrinkPage({ model, calibration, coppice, machine, end }: ShrinkView): Page {
  const { texts, windows, window } = calibration
  const protocol = [`Calibrated on ${counted(windows, 'window')} of ${grouped(window)} tokens of ${texts.join(', ')}.`]
  return {
    title: `${modelName(model)}, made smaller`,
    lead: `${protocol[0]} ${end === null ? 'It is still running.' : ''}`,
    facts: end === null ? [] : factsOf(end),
    sections:
      end === null
        ? []
        : [...perplexitySections(end, protocol), ...removedSections(end, protocol), ...speedSections(end)],
    sources: [
      ['Base model', model],
      ...(end === null ? [] : ([['Written to', end.out]] as const)),
      ['Machine', machineInWords(machine)],
      ['Written by', `Coppice ${coppice}`],
    ],
  }
}

function factsOf({ parameters, macs, bytes: size, seconds }: ShrinkReport): Page['facts'] {
  return [
    ['Parameters left', percent(Number((parameters.after / parameters.before).toFixed(4)))],
    ['Multiplications a token', changePercent(macs.after / macs.before - 1)],
    ['Size', `${bytes(size.before)} → ${bytes(size.after)}`],
    ['Time', duration(seconds)],
  ]
}

function perplexitySections({ perplexity }: ShrinkReport, protocol: readonly string[]): Section[] {
  if (perplexity.length === 0) return []
  const models: ComparedModel[] = [
    { name: 'smaller', colour: 'blue', shape: 'circle', values: perplexity.map(({ pruned }) => pruned) },
    { name: 'recovered', colour: 'green', shape: 'triangle', values: perplexity.map(({ recovered }) => recovered) },
  ]
  const texts = { texts: perplexity, base: perplexity.map(({ dense }) => dense), models }
  return comparedSections({ ...texts, protocol: ['The texts are those of --eval.', ...protocol] })
}

/** Heads and channels by block. Whole blocks and hidden channels are numbers, not pictures. */
function removedSections({ removed }: ShrinkReport, protocol: readonly string[]): Section[] {
  const some = removed.filter((own): own is Extract<RemovedFromBlock, { channels: number }> => 'channels' in own)
  if (some.length === 0) return []
  const rows = some.map(({ block }) => `block ${block}`)
  const heads = some.map(({ kvHeads, queryHeads }) => kvHeads + queryHeads)
  const channels = some.map((own) => own.channels)
  const chart = (name: string, values: readonly number[], colour: 'blue' | 'green') =>
    stacksChart({
      label: `${name} removed from each block`,
      isTitled: true,
      rows,
      parts: [{ name, colour, values }],
      format: grouped,
    })
  return [
    {
      id: 'removed',
      title: 'What was removed from each block',
      read: 'A long bar is a block that the text needs less: more of its heads or channels mattered little to the loss.',
      charts: [
        ...(heads.some((count) => count > 0) ? [chart('Heads', heads, 'blue')] : []),
        chart('Channels', channels, 'green'),
      ],
      protocol,
      table: {
        head: ['block', 'heads', 'channels'],
        rows: rows.map((row, i) => [row, String(heads[i]), String(channels[i])]),
      },
    },
  ]
}

function speedSections({ speed: { reading, writing } }: ShrinkReport): Section[] {
  const runs = [
    ...(reading === null ? [] : [{ what: `reading ${counted(reading.tokens, 'token')}`, ...reading }]),
    ...(writing === null ? [] : [{ what: 'writing one token behind them', ...writing }]),
  ]
  if (runs.length === 0) return []
  return [
    {
      id: 'speed',
      title: 'Time of a run in ONNX Runtime',
      read: runs
        .map(({ what, change, isBeyondNoise }) => {
          const found = isBeyondNoise ? changePercent(change) : 'no difference beyond noise'
          return `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${found}.`
        })
        .join(' '),
      charts: runs.map(({ what, seconds }) =>
        stacksChart({
          label: `Seconds for ${what}`,
          isTitled: true,
          rows: ['base', 'smaller'],
          parts: [{ name: 'median of all turns', colour: 'blue', values: [seconds.before, seconds.after] }],
          format: runTime,
        }),
      ),
      protocol: [
        'Base and smaller model took turns, eleven of them, in plain ONNX Runtime on this machine. A difference counts if ' +
          'at most one turn points the other way, and if it is above 2 % and above the interquartile range of the turns.',
      ],
      table: {
        head: ['run', 'base', 'smaller', 'change', 'spread'],
        rows: runs.map(({ what, seconds, change, spread }) => [
          what,
          runTime(seconds.before),
          runTime(seconds.after),
          percent(Number(change.toFixed(3))),
          percent(Number(spread.toFixed(3))),
        ]),
      },
    },
  ]
}
