/** Time, as a protocol may ask for it. Protocols have no clock of their own: whoever runs them injects one. */

/** A time that is running. */
export interface Deadline extends Disposable {
  /** Aborts when the time is over, or with its parent. */
  signal: AbortSignal
  /** Starts the time anew: something has moved. */
  restart(): void
  /** The work is over. Must be called, or the parent keeps it alive. */
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
