/** The clock that protocols need. They have none of their own: their caller injects one. */

/** A running deadline. */
export interface Deadline extends Disposable {
  /** Aborts when the time is over, or with its parent. */
  signal: AbortSignal
  /** Restarts the time, because something has moved. */
  restart(): void
  /** Ends the deadline. It must be called when the work is over, or the parent keeps the deadline alive. */
  clear(): void
}

export interface Clock {
  /** Milliseconds since some fixed instant; never goes back. */
  now(): number
  /** Milliseconds since 1970, for records that people read; may go back. */
  date(): number
  deadline(milliseconds: number, parent?: AbortSignal): Deadline
  /** Resolves after some milliseconds; rejects with the signal's reason if it aborts before. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>
}
