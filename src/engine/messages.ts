/** The messages between the engine and its workers. */
import type { ExitCode, Refusal } from '../base/errors.ts'

export type ToWorker =
  | { type: 'run'; id: number; name: string; args: unknown }
  | { type: 'cancel'; id: number }
  /** To a thread: cancel the running job, and end once it has stopped. */
  | { type: 'end' }

export type FromWorker =
  | { type: 'event'; id: number; event: unknown }
  /** `peakBytes`: the peak resident memory of a worker process; 0 for a thread. */
  | { type: 'result'; id: number; result: unknown; peakBytes: number }
  | { type: 'error'; id: number; aborted: boolean; refusal: (Refusal & { exit: ExitCode }) | null; stack: string }
