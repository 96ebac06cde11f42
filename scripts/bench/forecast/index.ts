/**
 * How well commands are forecast: each runs with --dry-run, and then in earnest. Prints the forecast over what it was
 * for time, memory, disk and bytes sent, and over the time that was left each forecast of the line of progress after a
 * tenth, a third, a half and two thirds of the run. Memory is what the report says; beside it stands all that was
 * resident in all processes, the written model that ONNX Runtime maps to check it included.
 *
 *   npm run bench -- forecast [--model DIR] [--text FILE...] [--eval FILE] [--dir DIR] [--only NAME...]
 *   npm run bench -- forecast -- prune --pruner wanda --sparsity 0.5 --model DIR --text FILE
 *
 * NAME: wanda, sparsegpt, simulate. Behind -- stands any command line instead, without --out.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ForecastReport } from '../../forecast/report.ts'
import { PACKAGE_ROOT } from '../../paths.ts'
import { table } from '../../report/table.ts'
import { bytes, duration } from '../../terminal/numbers.ts'
import { type ToldLeft, type WatchedRun, watchedRun } from './watched-run.ts'

const TEXTS = ['early', 'middle', 'late', 'novel'].map((name) => join(PACKAGE_ROOT, 'models/texts', `${name}.jsonl.gz`))
const HELD = join(PACKAGE_ROOT, 'models/texts/held/early.jsonl.gz')
/** Shares of a run after which its own forecast is looked at. */
const SHARES = [0.1, 1 / 3, 0.5, 2 / 3]

/** The fields of a report that a forecast is compared with. */
interface Comparable {
  peakMemoryBytes: number
  peers?: { sentBytes: number }[]
}

export async function run(args: string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      model: { type: 'string', default: join(PACKAGE_ROOT, 'models/embedded') },
      text: { type: 'string', multiple: true, default: TEXTS },
      eval: { type: 'string', default: HELD },
      dir: { type: 'string', default: tmpdir() },
      only: { type: 'string', multiple: true },
    },
  })
  const site = ['--model', values.model, '--text', values.text[0], '--eval', values.eval]
  const prune = (pruner: string) => ['prune', ...site, '--pruner', pruner, '--sparsity', '0.5']
  const all: Record<string, string[]> = {
    wanda: prune('wanda'),
    sparsegpt: prune('sparsegpt'),
    simulate: ['simulate', '--model', values.model, '--text', ...values.text],
  }
  const names = Object.keys(all).filter((name) => values.only?.includes(name) ?? true)
  const commands = positionals.length > 0 ? [positionals] : names.map((name) => all[name])
  for (const command of commands) await compare(command, resolve(values.dir))
}

async function compare(command: readonly string[], parent: string): Promise<void> {
  const directory = mkdtempSync(join(parent, 'coppice-forecast-'))
  const args = [...command, '--out', join(directory, 'out')]
  try {
    console.log(`coppice ${command.join(' ')}`)
    const dry = await watchedRun([...args, '--dry-run'], directory)
    const { forecast } = dry.report as ForecastReport
    console.log(`dry run: ${duration(dry.seconds)}, ${bytes(dry.diskBytes)} written`)
    const real = await watchedRun(args, directory)
    const { peakMemoryBytes, peers = [] } = real.report as Comparable
    const sent = peers.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    console.log(
      table([
        ['', 'forecast', 'was', 'ratio'],
        row('time', forecast.seconds, real.seconds, duration),
        row('memory', forecast.peakMemoryBytes, peakMemoryBytes, bytes),
        row('memory, all resident', forecast.peakMemoryBytes, real.residentBytes, bytes),
        row('disk', forecast.disk.most, real.diskBytes, bytes),
        ...(peers.length === 0 ? [] : [row('sent', forecast.sentBytes, sent, bytes)]),
      ]),
    )
    console.log(`${table([['after', 'said', 'was left', 'ratio'], ...SHARES.map((share) => toldRow(share, real))])}\n`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function row(what: string, forecast: number, was: number, inWords: (value: number) => string): string[] {
  return [what, inWords(forecast), inWords(was), (forecast / was).toFixed(2)]
}

/** The last forecast that the line of progress had told by then. */
function toldRow(share: number, { seconds, told }: WatchedRun): string[] {
  const after = `${Math.round(100 * share)} %`
  const last = told.findLast(({ at }: ToldLeft) => at <= share * seconds)
  if (last === undefined) return [after, 'nothing', duration(seconds * (1 - share)), '']
  return row(after, last.left, seconds - last.at, duration)
}
