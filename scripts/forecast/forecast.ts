/**
 * The forecast of a command, in place of its work: it reads the model and the texts as the command would, measures this
 * machine for a few seconds, and weighs the work that the command would do. Nothing is written, and nobody is told.
 */
import { stopwatch } from '../../src/base/stopwatch.ts'
import type { PrunerName, SparsityTarget } from '../../src/form/method.ts'
import type { Windows } from '../../src/form/windows.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import { openEngine } from '../../src/jobs/open-engine.ts'
import type { Run } from '../command.ts'
import { apartFrom } from '../common/companions.ts'
import { type EngineRun, labelled } from '../common/engine.ts'
import type { ModelSize } from '../progress/job-cost.ts'
import type { Work } from '../progress/work-plan.ts'
import { forecastInWords } from './in-words.ts'
import type { Disk } from './need.ts'
import type { ForecastReport } from './report.ts'
import { speedsOf } from './speeds.ts'

/** The work that a command would do. */
export interface Planned {
  /** The command in a few sentences. */
  words: string[]
  /** The model's directory. */
  dir: string
  description: ModelDescription
  /** The pruner to measure. Where the command prunes nothing, Wanda shows how fast text passes. */
  pruner: PrunerName
  target: SparsityTarget
  /** Text to measure with; undefined: none is read. */
  windows: Windows | undefined
  /** Whether sums of all sites are solved. */
  portable?: boolean
  /** Whether the process that prunes ends before another one measures. */
  rests: boolean
  /** All work of the command's engine. */
  work(model: ModelSize): Work[]
  /** Bytes of memory beyond those of a measurement on so many tokens. */
  moreMemory(measured: { tokens: number }): number
  disk: Disk
  /** Bytes that this site would send. */
  sentBytes: number
}

/** The report's page is drawn in so many times as long as a process takes to start. */
const PAGE_STARTS = 2

/** Where nothing is pruned by weights, Wanda shows how fast text passes. */
export const PASSING = { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } } as const

/** @param read - reads what the command reads, and refuses what it would refuse */
export async function forecast(
  paths: Parameters<typeof apartFrom>[0],
  run: Run,
  read: (work: EngineRun) => Promise<Planned>,
): Promise<ForecastReport> {
  await using engine = openEngine({ apart: apartFrom(paths) })
  const work: EngineRun = { ...run, engine }
  const planned = await read(work)
  const report = await measured(work, planned)
  run.terminal.say(forecastInWords(planned.words, report))
  return report
}

/** Measures this machine, and weighs the work. What the process did until now counts as what the command reads. */
export async function measured(work: EngineRun, planned: Planned): Promise<ForecastReport> {
  const { engine } = work
  const { dir, description, portable = false, pruner, target, windows } = planned
  const reading = performance.now() / 1000
  const label = 'Measuring this machine'
  await engine.rest() // a process that starts is measured as well
  const started = stopwatch()
  await labelled(work, label, 'mark', {})
  const start = started()
  const pace = await labelled(work, label, 'pace', { dir, pruner, target, windows, portable })
  if (planned.rests) await engine.rest()
  const head = windows === undefined ? null : await labelled(work, label, 'headPace', { dir, windows })
  const speeds = speedsOf(description, pruner, pace, { head, start: start + pace.sessions })
  const jobs = planned.work({ ...description, speeds }).reduce((sum, { cost }) => sum + cost, 0)
  return {
    forecast: {
      seconds: reading + jobs + PAGE_STARTS * start,
      peakMemoryBytes: engine.peakMemoryBytes + planned.moreMemory(pace.many),
      disk: planned.disk,
      sentBytes: planned.sentBytes,
    },
    measuredSeconds: performance.now() / 1000 - reading,
  }
}
