/**
 * The engine: everything that computes, beside the event loop, which only talks. Queues with a worker each: `compute`
 * runs models block by block (ONNX Runtime takes all cores by itself), `exact` validates and merges, so that a merge
 * does not wait behind a prune. What needs much memory runs in processes, which give all of it back. Which jobs there
 * are, and what a worker does with one, the engine does not know: it is handed the workers' program (see src/jobs).
 */
import { type JobOptions, Lane } from './lane.ts'

export type LaneName = 'reading' | 'compute' | 'exact' | 'writing'

/** Jobs by name: arguments and result, plain data that crosses threads. */
type JobTable<Jobs> = { [Name in keyof Jobs]: { args: unknown; result: unknown } }

interface EngineInit<Jobs> {
  /** What a worker runs: it answers ToWorker with FromWorker. */
  program: URL
  /** The queue of each job. */
  lanes: Readonly<Record<keyof Jobs, LaneName>>
  /** For every worker, plain data; `threads` of one operator in ONNX Runtime, where exact work takes one. */
  settings: { threads: number }
}

export class Engine<Jobs extends JobTable<Jobs>, Event> implements AsyncDisposable {
  private readonly laneOf: EngineInit<Jobs>['lanes']
  private readonly lanes: Record<LaneName, Lane>

  constructor({ program, lanes, settings }: EngineInit<Jobs>) {
    this.laneOf = lanes
    this.lanes = {
      reading: new Lane('process', { program, settings }),
      compute: new Lane('process', { program, settings }),
      exact: new Lane('thread', { program, settings: { ...settings, threads: 1 } }),
      writing: new Lane('process', { program, settings }),
    }
  }

  /**
   * Does a job in its turn. Rejects with the job's refusal, or with the reason of the signal, whichever of the two,
   * once the job has stopped.
   */
  async run<Name extends keyof Jobs & string>(
    name: Name,
    args: Jobs[Name]['args'],
    options: JobOptions<Event> = {},
  ): Promise<Jobs[Name]['result']> {
    const { reading, compute } = this.lanes
    const lane = this.laneOf[name]
    // Memory that will not be needed for a while goes back before more is taken.
    if (lane === 'compute') void reading.rest()
    if (lane === 'writing') await compute.rest()
    return this.lanes[lane].run(name, args, options as JobOptions<unknown>)
  }

  /**
   * Gives back what running the model has taken, for another use of it: the next job opens it anew (measured on 135 M
   * parameters: a prune after an evaluation peaks 50 MB higher without this, and a new process takes 2 s).
   */
  rest(lane: LaneName = 'compute'): Promise<void> {
    return this.lanes[lane].rest()
  }

  /**
   * What the command's process and the largest of the engine's have had resident at most, together, in bytes. The plain
   * run of a written model is apart: it maps the model's file, whose pages the system takes back when it needs them.
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
