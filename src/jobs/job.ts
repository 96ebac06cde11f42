/** A job as a worker does it, and the events that it reports. */
import type { OwnFit } from '../form/block-fit.ts'
import type { Look } from '../recover/train.ts'
import type { Bench } from './bench.ts'

export interface PrunedBlockReport extends OwnFit {
  block: number
  /** Path of the contribution or of the stored block. */
  path: string
  bytes: number
}

/** An event of a running job. */
export type JobEvent =
  | { type: 'progress'; done: number; total: number }
  | { type: 'block'; report: PrunedBlockReport }
  | { type: 'look'; look: Look }

export interface JobContext {
  /** Aborts when the job should end in good order: see JobOptions.drain. */
  signal: AbortSignal
  emit(event: JobEvent): void
}

/** Arguments and result are plain data that crosses threads. */
export type Job<Args, Result> = (args: Args, bench: Bench, context: JobContext) => Promise<Result>
