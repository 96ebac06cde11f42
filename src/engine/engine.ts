/**
 * The engine: everything that computes, beside the event loop, which only talks. Queues with a worker each: `compute`
 * runs models block by block (ONNX Runtime takes all cores by itself), `exact` validates and merges, so that a merge
 * does not wait behind a prune. What needs much memory runs in processes, which give all of it back.
 */
import { refusalFromObject } from '../base/errors.ts'
import type { JobEvent, JobName, Jobs, ShrunkModel } from '../jobs/jobs.ts'
import type { BlockZeros } from '../model/write/zeros.ts'
import { attemptPlain, racePlain, runPlain } from '../runtime/reference-run.ts'
import type { FromWorker } from './messages.ts'
import { type RunningWorker, startWorker, type WorkerKind } from './workers.ts'

export interface JobOptions {
  /** Ends the job at once, whatever it is in the middle of. */
  signal?: AbortSignal
  /** Asks the job to end where it can go on another time: a prune between two blocks. Other jobs do not hear it. */
  drain?: AbortSignal
  onEvent?: (event: JobEvent) => void
}

interface EngineOptions {
  /** Threads of one operator in ONNX Runtime. */
  threads?: number
  /** Paths that are never copied beside what is written, though they lie in a model's directory: texts, and output. */
  apart?: readonly string[]
}

type LaneName = 'reading' | 'compute' | 'exact' | 'writing'

/** The queue of each job; what is not named here is exact arithmetic and bytes. */
const LANES: Partial<Record<JobName, LaneName>> = {
  describe: 'reading',
  attempt: 'reading',
  hash: 'reading',
  tokenise: 'reading',
  zeros: 'reading',
  unfinished: 'reading',
  unrecovered: 'reading',
  leftBehind: 'reading',
  instructions: 'reading',
  prune: 'compute',
  evaluate: 'compute',
  structures: 'compute',
  shrink: 'compute',
  recover: 'compute',
  contribute: 'compute',
  structuredForms: 'compute',
  write: 'writing',
}

/** Of the base and of a smaller model: enough to tell a difference from noise, see scripts/report/time-change.ts. */
const RACE_TURNS = 11
/**
 * Seconds of a turn at least, for each: of small models many runs, of 135 M parameters one run that reads 512 tokens.
 */
const RACE_SECONDS = 0.02

export interface WrittenModel {
  /**
   * The largest difference of logits in plain ONNX Runtime from the engine's own, over the largest logit; null where
   * there is not enough memory to run the model whole.
   */
  difference: number | null
  /** Of what was written. */
  zeros: BlockZeros
}

export interface CheckedModel extends Omit<ShrunkModel, 'run' | 'race'> {
  difference: number | null
  /** Seconds by turn of base and result, on the tokens of `check`; null where there is not enough memory for both. */
  prefill: [before: number[], after: number[]] | null
  /** The same of one token behind them; null also where the graph keeps no keys and values. */
  decode: [before: number[], after: number[]] | null
}

export class Engine implements AsyncDisposable {
  private readonly lanes: Record<LaneName, Lane>
  private readonly threads: number
  private readonly apart: readonly string[]

  constructor({ threads = 2, apart = [] }: EngineOptions = {}) {
    this.threads = threads
    this.apart = apart
    this.lanes = {
      reading: new Lane('process', threads),
      compute: new Lane('process', threads),
      exact: new Lane('thread', 1),
      writing: new Lane('process', threads),
    }
  }

  /**
   * Does a job in its turn. Rejects with the job's refusal, or with the reason of the signal, whichever of the two,
   * once the job has stopped.
   */
  async run<Name extends JobName>(
    name: Name,
    args: Jobs[Name]['args'],
    options: JobOptions = {},
  ): Promise<Jobs[Name]['result']> {
    const { reading, compute } = this.lanes
    const lane = LANES[name] ?? 'exact'
    // Memory that will not be needed for a while goes back before more is taken.
    if (lane === 'compute') void reading.rest()
    if (lane === 'writing') await compute.rest()
    return this.lanes[lane].run(name, args, options)
  }

  /**
   * Loads a model in plain ONNX Runtime and runs it on a few tokens: what the check of a written model would refuse is
   * refused before any work. Where there is not enough memory to run the model whole, neither check is made.
   * @throws {InputError} MODEL_REFUSED_BY_RUNTIME
   */
  async attempt(dir: string, options: JobOptions = {}): Promise<void> {
    const run = await this.run('attempt', { dir }, options)
    await attemptPlain({ ...run, threads: this.threads }, options.signal)
  }

  /** Writes a model, counts its zeros, and runs it in plain ONNX Runtime. */
  async write(args: Jobs['write']['args'], options: JobOptions = {}): Promise<WrittenModel> {
    const { run, zeros } = await this.run('write', { ...args, apart: this.apart }, options)
    await this.lanes.writing.rest()
    return { difference: await runPlain({ ...run, threads: this.threads }, options.signal), zeros }
  }

  /**
   * Shrinks a model, compares what was written in plain ONNX Runtime (see `write`), and times base and result there.
   */
  async shrink(args: Jobs['shrink']['args'], options: JobOptions = {}): Promise<CheckedModel> {
    const { run, race, ...shrunk } = await this.run('shrink', { ...args, apart: this.apart }, options)
    await this.rest()
    const { threads } = this
    const difference = await runPlain({ ...run, threads }, options.signal)
    const seconds = await racePlain({ models: race, least: RACE_SECONDS, turns: RACE_TURNS, threads }, options.signal)
    const of = (feeds: number): CheckedModel['prefill'] => seconds && [seconds[0][feeds], seconds[1][feeds]]
    return { ...shrunk, difference, prefill: of(0), decode: race[0].feeds.length > 1 ? of(1) : null }
  }

  /** What would not come along with what is written of a model. @throws {InputError} as companionsOf does */
  leftBehind(dir: string, options: JobOptions = {}): Promise<Jobs['leftBehind']['result']> {
    return this.run('leftBehind', { dir, apart: this.apart }, options)
  }

  /**
   * Gives back what running the model has taken, for another use of it: the next job opens it anew (measured on 135 M
   * parameters: a prune after an evaluation peaks 50 MB higher without this, and a new process takes 2 s).
   */
  rest(): Promise<void> {
    return this.lanes.compute.rest()
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

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  onEvent?: (event: JobEvent) => void
  /** Why it was stopped. */
  reason(): unknown
}

/** One worker, started with its first job, and the jobs that wait for it in order. */
class Lane {
  private readonly kind: WorkerKind
  private readonly threads: number
  /** Resident memory of its processes at most; 0 for threads, which are part of this process. */
  peakBytes = 0
  private readonly pending = new Map<number, Pending>()
  private worker: RunningWorker | undefined
  private tail: Promise<unknown> = Promise.resolve()
  private nextId = 0

  constructor(kind: WorkerKind, threads: number) {
    this.kind = kind
    this.threads = threads
  }

  run<Name extends JobName>(name: Name, args: Jobs[Name]['args'], options: JobOptions): Promise<Jobs[Name]['result']> {
    const turn = this.tail.then(() => this.start(name, args, options))
    this.tail = turn.catch(() => undefined)
    return turn
  }

  /** Gives the worker's memory back once the jobs that wait are done; the next job starts another. Never rejects. */
  rest(): Promise<void> {
    const turn = this.tail.then(() => this.close())
    this.tail = turn
    return turn
  }

  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    await worker?.end()
    for (const job of this.pending.values()) job.reject(new Error('the engine was closed'))
  }

  private async start<Name extends JobName>(
    name: Name,
    args: Jobs[Name]['args'],
    { signal, drain, onEvent }: JobOptions,
  ): Promise<Jobs[Name]['result']> {
    signal?.throwIfAborted()
    drain?.throwIfAborted()
    const id = this.nextId++
    const reason = () => (signal?.aborted ? signal.reason : drain?.reason)
    const done = new Promise<unknown>((resolve, reject) => this.pending.set(id, { resolve, reject, onEvent, reason }))
    const worker = this.started()
    const ask = () => worker.post({ type: 'cancel', id })
    // A thread's jobs look at the signal and stop in good order; a process is nobody else's and can be ended.
    const stop = () => (this.kind === 'thread' ? ask() : void this.close())
    signal?.addEventListener('abort', stop, { once: true })
    drain?.addEventListener('abort', ask, { once: true })
    worker.post({ type: 'run', id, name, args } as Parameters<RunningWorker['post']>[0])
    try {
      return (await done) as Jobs[Name]['result']
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', stop)
      drain?.removeEventListener('abort', ask)
      this.pending.delete(id)
    }
  }

  private started(): RunningWorker {
    this.worker ??= startWorker(this.kind, this.threads, {
      onMessage: (message) => this.receive(message),
      onFailure: (error) => this.fail(error),
    })
    return this.worker
  }

  private receive(message: FromWorker): void {
    const job = this.pending.get(message.id)
    if (job === undefined) return
    if (message.type === 'event') job.onEvent?.(message.event)
    else if (message.type === 'result') {
      this.peakBytes = Math.max(this.peakBytes, message.peakBytes)
      job.resolve(message.result)
    } else if (message.aborted) job.reject(job.reason() ?? new Error('cancelled'))
    else if (message.refusal) job.reject(refusalFromObject(message.refusal))
    else job.reject(Object.assign(new Error('a job of the engine failed'), { stack: message.stack }))
  }

  private fail(error: Error): void {
    for (const job of this.pending.values()) job.reject(error)
    this.worker = undefined
  }
}
