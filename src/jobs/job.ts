/** How a job is done inside a worker, and what it tells on the way. */
import type { Look } from '../recover/train.ts'
import type { Bench } from './bench.ts'

export interface PrunedBlockReport {
  block: number
  /** The contribution or the stored block. */
  path: string
  bytes: number
  /** By role. */
  damping: (number | null)[]
}

/** What a running job reports. */
export type JobEvent =
  | { type: 'progress'; done: number; total: number }
  | { type: 'block'; report: PrunedBlockReport }
  | { type: 'look'; look: Look }

export interface JobContext {
  /** Asks a job to end in good order: see JobOptions.drain. */
  signal: AbortSignal
  emit(event: JobEvent): void
}

/** Arguments and result are plain data that crosses threads. */
export type Job<Args, Result> = (args: Args, bench: Bench, context: JobContext) => Promise<Result>
