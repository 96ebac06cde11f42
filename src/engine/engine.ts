/**
 * The engine does all computing apart from the event loop, which only talks. It has queues with one worker each:
 * `compute` runs models block by block (ONNX Runtime takes all cores by itself), `exact` validates and merges, so that
 * a merge does not wait behind a prune. Jobs that need much memory run in processes, which give all of it back. The
 * engine does not know the jobs: it is handed the program of the workers (see src/jobs).
 */
import { type JobOptions, Lane } from './lane.ts'

export type LaneName = 'reading' | 'compute' | 'exact' | 'writing'

/** Jobs by name: arguments and result, plain data that crosses threads. */
type JobTable<Jobs> = { [Name in keyof Jobs]: { args: unknown; result: unknown } }

interface EngineInit<Jobs extends JobTable<Jobs>> {
  /** The program of a worker: it answers ToWorker with FromWorker. */
  program: URL
  /** The queue of each job. */
  lanes: Readonly<Record<keyof Jobs, LaneName>>
  /** Plain data for every worker. `threads`: threads of one operator in ONNX Runtime; exact work takes one. */
  settings: { threads: number }
  /** Watches every job; undefined: nobody does. */
  meter?: JobMeter<Jobs>
}

/** Hears of a job's beginning, events and end. */
interface JobWatch {
  begins(): void
  hears(event: unknown): void
  ends(): void
}

/** Makes the watch of a job that is asked for; undefined: nobody watches it. */
export type JobMeter<Jobs extends JobTable<Jobs>> = (job: MeteredJob<Jobs>) => JobWatch | undefined

/** A job by its name, with its arguments. */
export type MeteredJob<Jobs extends JobTable<Jobs>> = {
  [Name in keyof Jobs]: { name: Name; args: Jobs[Name]['args'] }
}[keyof Jobs]

export class Engine<Jobs extends JobTable<Jobs>, Event> implements AsyncDisposable {
  private readonly laneOf: EngineInit<Jobs>['lanes']
  private readonly lanes: Record<LaneName, Lane>
  private readonly meter: JobMeter<Jobs>

  constructor({ program, lanes, settings, meter = () => undefined }: EngineInit<Jobs>) {
    this.laneOf = lanes
    this.meter = meter
    this.lanes = {
      reading: new Lane('process', { program, settings }),
      compute: new Lane('process', { program, settings }),
      exact: new Lane('thread', { program, settings: { ...settings, threads: 1 } }),
      writing: new Lane('process', { program, settings }),
    }
  }

  /**
   * Does a job when its turn comes. Rejects with the job's refusal or with the signal's reason, once the job has
   * stopped.
   */
  async run<Name extends keyof Jobs & string>(
    name: Name,
    args: Jobs[Name]['args'],
    options: JobOptions<Event> = {},
  ): Promise<Jobs[Name]['result']> {
    const { reading, compute } = this.lanes
    const lane = this.laneOf[name]
    // Memory that is not needed for a while is given back before more is taken.
    if (lane === 'compute') void reading.rest()
    if (lane === 'writing') await compute.rest()
    const watch = this.meter({ name, args } as MeteredJob<Jobs>)
    if (watch === undefined) return this.lanes[lane].run(name, args, options as JobOptions<unknown>)
    return this.watched(watch, (watched) => this.lanes[lane].run(name, args, watched), options)
  }

  private async watched(
    watch: JobWatch,
    run: (options: JobOptions<unknown>) => Promise<unknown>,
    options: JobOptions<Event>,
  ): Promise<unknown> {
    try {
      return await run({
        ...options,
        onStart: () => watch.begins(),
        onEvent(event) {
          watch.hears(event)
          options.onEvent?.(event as Event)
        },
      })
    } finally {
      watch.ends()
    }
  }

  /**
   * Gives back the memory of the running model. The next job opens the model again (measured on 135 M parameters: a
   * prune after an evaluation peaks 50 MB higher without this, and a new process takes 2 s).
   */
  rest(lane: LaneName = 'compute'): Promise<void> {
    return this.lanes[lane].rest()
  }

  /**
   * The peak resident memory of the command's process plus that of the engine's largest process, in bytes. The plain
   * run of a written model does not count: it maps the model's file, whose pages the system takes back when it needs
   * them.
   */
  get peakMemoryBytes(): number {
    const own = process.resourceUsage().maxRSS * 1024
    return own + Math.max(...Object.values(this.lanes).map(({ peakBytes }) => peakBytes))
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.lanes).map((lane) => lane.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
