/** A queue of the engine. */
import { refusalFromObject } from '../base/errors.ts'
import type { FromWorker } from './messages.ts'
import { type RunningWorker, startWorker, type WorkerKind, type WorkerProgram } from './workers.ts'

export interface JobOptions<Event> {
  /** Ends the job at once. */
  signal?: AbortSignal
  /** Asks the job to end where it can be continued later: a prune ends between two blocks. Other jobs ignore it. */
  drain?: AbortSignal
  /** Called when its turn has come. */
  onStart?: () => void
  onEvent?: (event: Event) => void
}

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  onEvent?: (event: unknown) => void
  /** The reason why the job was stopped. */
  reason(): unknown
}

/**
 * Jobs that a thread has at once, the one that it is at included: so it does not stand still until a busy event loop
 * hands over the next. A process has one, since it is ended to stop that one.
 */
const THREAD_JOBS = 8

/** One worker, which starts with its first job, and the jobs that wait for it, in order. */
export class Lane {
  private readonly kind: WorkerKind
  private readonly program: WorkerProgram
  /** The peak resident memory of its processes, in bytes; 0 for threads, which are part of this process. */
  peakBytes = 0
  private readonly pending = new Map<number, Pending>()
  private worker: RunningWorker | undefined
  /** The ends of the last jobs, as many as the worker may have at once; the next one waits for the first of them. */
  private ends: Promise<unknown>[]
  private nextId = 0

  constructor(kind: WorkerKind, program: WorkerProgram) {
    this.kind = kind
    this.program = program
    this.ends = Array.from({ length: kind === 'thread' ? THREAD_JOBS : 1 }, () => Promise.resolve())
  }

  run(name: string, args: unknown, options: JobOptions<unknown>): Promise<unknown> {
    const [place, ...later] = this.ends
    const turn = place.then(() => this.start(name, args, options))
    this.ends = [...later, turn.catch(() => undefined)]
    return turn
  }

  /** Gives the worker's memory back once the jobs that wait are done; the next job starts another. Never rejects. */
  rest(): Promise<void> {
    const turn = Promise.all(this.ends).then(() => this.close())
    this.ends = this.ends.map(() => turn)
    return turn
  }

  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    await worker?.end()
    for (const job of this.pending.values()) job.reject(new Error('the engine was closed'))
  }

  private async start(name: string, args: unknown, options: JobOptions<unknown>): Promise<unknown> {
    const { signal, drain, onStart, onEvent } = options
    signal?.throwIfAborted()
    drain?.throwIfAborted()
    onStart?.()
    const id = this.nextId++
    const reason = () => (signal?.aborted ? signal.reason : drain?.reason)
    const done = new Promise<unknown>((resolve, reject) => this.pending.set(id, { resolve, reject, onEvent, reason }))
    const worker = this.started()
    const ask = () => worker.post({ type: 'cancel', id })
    // A thread's jobs look at the signal and stop in good order; a process is nobody else's and can be ended.
    const stop = () => (this.kind === 'thread' ? ask() : void this.close())
    signal?.addEventListener('abort', stop, { once: true })
    drain?.addEventListener('abort', ask, { once: true })
    worker.post({ type: 'run', id, name, args })
    try {
      return await done
    } catch (error) {
      throw signal?.aborted ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', stop)
      drain?.removeEventListener('abort', ask)
      this.pending.delete(id)
    }
  }

  private started(): RunningWorker {
    this.worker ??= startWorker(this.kind, this.program, {
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
