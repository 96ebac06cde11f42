/**
 * The engine: everything that computes, in worker threads, so that the event loop only talks. Two workers with a queue
 * each: `compute` runs models (ONNX Runtime takes all cores by itself), `exact` hashes, validates and merges, so that a
 * merge does not wait behind a prune. Jobs that need much memory once get a worker of their own that ends with them.
 */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { refusalFromObject } from '../errors.ts'
import type { JobEvent, JobName, Jobs } from './jobs.ts'
import type { FromWorker, ToWorker } from './messages.ts'

export interface JobOptions {
  signal?: AbortSignal
  onEvent?: (event: JobEvent) => void
}

export interface EngineOptions {
  /** Threads of one operator in ONNX Runtime. */
  threads?: number
}

/** Jobs that run a model block by block. */
const COMPUTE_JOBS: ReadonlySet<JobName> = new Set(['prune', 'evaluate'])
/**
 * Jobs whose memory goes back when they end: a tokenizer leaves 200 MB of heap behind (measured, vocabulary of 49,152),
 * checking a written model loads it whole. The latter also wants the compute worker's memory back first.
 */
const SINGLE_JOBS: ReadonlySet<JobName> = new Set(['tokenise', 'write'])

export class Engine implements AsyncDisposable {
  private readonly threads: number
  private readonly compute: Lane
  private readonly exact: Lane
  /** Single jobs, one after the other. */
  private single: Promise<unknown> = Promise.resolve()
  private readonly open = new Set<Lane>()

  constructor({ threads = 2 }: EngineOptions = {}) {
    this.threads = threads
    this.compute = new Lane(threads)
    this.exact = new Lane(1)
  }

  /** Does a job in its turn. Rejects with the job's refusal, or with the signal's reason once the job has stopped. */
  run<Name extends JobName>(
    name: Name,
    args: Jobs[Name]['args'],
    options: JobOptions = {},
  ): Promise<Jobs[Name]['result']> {
    if (SINGLE_JOBS.has(name)) return this.runSingle(name, args, options)
    return (COMPUTE_JOBS.has(name) ? this.compute : this.exact).run(name, args, options)
  }

  private runSingle<Name extends JobName>(
    name: Name,
    args: Jobs[Name]['args'],
    options: JobOptions,
  ): Promise<Jobs[Name]['result']> {
    const turn = this.single.then(async () => {
      if (name === 'write') await this.compute.rest()
      const lane = new Lane(this.threads)
      this.open.add(lane)
      // These look at no signal while they work; their worker is nobody else's, so it can be ended.
      const { signal } = options
      const end = () => void lane.close()
      signal?.addEventListener('abort', end, { once: true })
      try {
        return await lane.run(name, args, options)
      } catch (error) {
        throw signal?.aborted ? signal.reason : error
      } finally {
        signal?.removeEventListener('abort', end)
        this.open.delete(lane)
        await lane.close()
      }
    })
    this.single = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    await Promise.all([this.compute, this.exact, ...this.open].map((lane) => lane.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  onEvent?: (event: JobEvent) => void
  signal?: AbortSignal
}

/** One worker, started with its first job, and the jobs that wait for it in order. */
class Lane {
  private readonly threads: number
  private readonly pending = new Map<number, Pending>()
  private worker: Worker | undefined
  private tail: Promise<unknown> = Promise.resolve()
  private nextId = 0

  constructor(threads: number) {
    this.threads = threads
  }

  run<Name extends JobName>(name: Name, args: Jobs[Name]['args'], options: JobOptions): Promise<Jobs[Name]['result']> {
    const turn = this.tail.then(() => this.start(name, args, options))
    this.tail = turn.catch(() => undefined)
    return turn
  }

  private start<Name extends JobName>(
    name: Name,
    args: Jobs[Name]['args'],
    { signal, onEvent }: JobOptions,
  ): Promise<Jobs[Name]['result']> {
    signal?.throwIfAborted()
    const worker = this.started()
    const id = this.nextId++
    const cancel = () => worker.postMessage({ type: 'cancel', id } satisfies ToWorker)
    signal?.addEventListener('abort', cancel, { once: true })
    const done = new Promise<unknown>((resolve, reject) => this.pending.set(id, { resolve, reject, onEvent, signal }))
    worker.postMessage({ type: 'run', id, name, args })
    return done.finally(() => {
      signal?.removeEventListener('abort', cancel)
      this.pending.delete(id)
    }) as Promise<Jobs[Name]['result']>
  }

  private started(): Worker {
    if (this.worker) return this.worker
    const path = new URL(`./worker${extname(import.meta.url)}`, import.meta.url)
    const worker = new Worker(path, { workerData: { threads: this.threads } })
    worker.on('message', (message: FromWorker) => this.receive(message))
    worker.on('error', (error) => this.fail(error))
    worker.on('exit', (code) => this.fail(new Error(`an engine worker ended with code ${code}`)))
    this.worker = worker
    return worker
  }

  private receive(message: FromWorker): void {
    const job = this.pending.get(message.id)
    if (job === undefined) return
    if (message.type === 'event') job.onEvent?.(message.event)
    else if (message.type === 'result') job.resolve(message.result)
    else if (message.aborted) job.reject(job.signal?.reason ?? new Error('cancelled'))
    else if (message.refusal) job.reject(refusalFromObject(message.refusal))
    else job.reject(Object.assign(new Error('a job of the engine failed'), { stack: message.stack }))
  }

  private fail(error: Error): void {
    for (const job of this.pending.values()) job.reject(error)
    this.worker = undefined
  }

  /** Gives the worker's memory back once the jobs that wait are done; the next job starts another. */
  rest(): Promise<void> {
    const turn = this.tail.then(() => this.close())
    this.tail = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    worker?.removeAllListeners()
    await worker?.terminate()
    for (const job of this.pending.values()) job.reject(new Error('the engine was closed'))
  }
}
