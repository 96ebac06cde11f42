/**
 * Prunes the groups of a block side by side. All work but ONNX Runtime's products of matrices fills one core alone.
 * The calling thread takes its share; arrays move between threads and are not copied.
 */
import '../../runtime/no-telemetry.ts'
import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import { type CoppiceError, type ExitCode, type Refusal, refusalFromObject } from '../../base/errors.ts'
import { type Arithmetic, openAlgebra } from './arithmetic.ts'
import { groupCost, type LayerGroup, type PrunedLayer, pruneGroup } from './group.ts'

/** The answer of a solver thread. */
export type SolverAnswer = { layers: PrunedLayer[] } | { refusal: (Refusal & { exit: ExitCode }) | null; stack: string }

/** Asks a thread to end once it has answered all groups. */
export const END = 'end'

const PROGRAM = new URL(`./solver-thread${extname(import.meta.url)}`, import.meta.url)

export class Solvers implements AsyncDisposable {
  private readonly linear: LinearAlgebra
  private readonly threads: SolverThread[]

  private constructor(linear: LinearAlgebra, threads: SolverThread[]) {
    this.linear = linear
    this.threads = threads
  }

  /**
   * Starts the threads.
   * @param threads - number of groups that are pruned at a time, at least 1; a group's bits do not depend on it
   */
  static async create(threads: number, arithmetic: Arithmetic = 'fast'): Promise<Solvers> {
    const others = Array.from({ length: threads - 1 }, () => new SolverThread(arithmetic))
    return new Solvers(await openAlgebra(arithmetic), others)
  }

  /**
   * Prunes groups. Returns one entry a group, in the order given; each has its layers in order of role. The caller
   * gives the groups' arrays up. @throws {InputError} as the pruners do
   */
  async prune(groups: readonly LayerGroup[]): Promise<PrunedLayer[][]> {
    const shares = shareOut(groups, this.threads.length + 1)
    const out: PrunedLayer[][] = []
    const elsewhere = this.threads.flatMap((thread, k) =>
      shares[k + 1].map(async (at) => {
        out[at] = await thread.prune(groups[at])
      }),
    )
    // A rejection needs a handler even while this thread computes.
    const all = Promise.all(elsewhere)
    all.catch(() => undefined)
    for (const at of shares[0]) out[at] = await pruneGroup(groups[at], this.linear)
    await all
    return out
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()))
    await this.linear.dispose()
  }
}

/**
 * Indices of the groups for each of `count` threads. The longest group is given away first, always to the thread with
 * the least to do.
 */
function shareOut(groups: readonly LayerGroup[], count: number): number[][] {
  const shares = Array.from({ length: count }, () => ({ cost: 0, groups: [] as number[] }))
  const byCost = groups.map((group, at) => ({ at, cost: groupCost(group) })).sort((a, b) => b.cost - a.cost)
  for (const { at, cost } of byCost) {
    const least = shares.reduce((best, share) => (share.cost < best.cost ? share : best))
    least.cost += cost
    least.groups.push(at)
  }
  return shares.map((share) => share.groups)
}

/** A thread that answers groups in the order in which it gets them. */
class SolverThread {
  private readonly worker: Worker
  private readonly waiting: { resolve(layers: PrunedLayer[]): void; reject(error: Error): void }[] = []

  constructor(arithmetic: Arithmetic) {
    this.worker = new Worker(PROGRAM, { workerData: arithmetic })
    this.worker.unref()
    this.worker.on('message', (answer: SolverAnswer) => {
      const first = this.waiting.shift()
      if ('layers' in answer) first?.resolve(answer.layers)
      else first?.reject(failure(answer))
      if (this.waiting.length === 0) this.worker.unref()
    })
    this.worker.on('error', (error) => {
      for (const { reject } of this.waiting.splice(0)) reject(error as Error)
    })
  }

  prune(group: LayerGroup): Promise<PrunedLayer[]> {
    this.worker.ref()
    const { promise, resolve, reject } = Promise.withResolvers<PrunedLayer[]>()
    this.waiting.push({ resolve, reject })
    const arrays = [...group.layers.map(({ weight }) => weight), ...(group.gram ? [group.gram.sums] : [])]
    this.worker.postMessage(group, wholeBuffers(arrays))
    return promise
  }

  /**
   * Ends the thread by a message, not by terminate(): a thread that is stopped in the middle of ONNX Runtime takes the
   * process with it.
   */
  async end(): Promise<void> {
    this.worker.ref()
    const gone = once(this.worker, 'exit')
    this.worker.postMessage(END)
    await gone
  }
}

function failure({ refusal, stack }: Extract<SolverAnswer, { stack: string }>): CoppiceError | Error {
  return refusal === null ? Object.assign(new Error('a solver thread failed'), { stack }) : refusalFromObject(refusal)
}

/** The buffers that can move to another thread: those that one array fills alone. */
export function wholeBuffers(arrays: readonly (Float32Array | Uint8Array)[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  for (const { buffer, byteLength } of arrays)
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffers.add(buffer)
  return [...buffers]
}
