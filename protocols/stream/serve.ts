/**
 * The life of one stream, at the side that was asked and at the side that asks: a deadline, and a reset where the talk
 * fails. The other side sees only the reset, never our error.
 */
import type { Stream } from '@libp2p/interface'
import { asError } from './errors.ts'
import type { Clock, Deadline } from './time.ts'

interface ServeLimits {
  clock: Clock
  /** Until the talk is over, or something moves and it restarts the deadline. */
  timeoutMs: number
  /** What is being served, and to whom: for the log. */
  what: string
}

/** Answers a stream that another peer has opened. A failure of the talk is logged here. */
export async function serve(
  stream: Stream,
  { clock, timeoutMs, what }: ServeLimits,
  talk: (deadline: Deadline) => Promise<void>,
): Promise<void> {
  using deadline = clock.deadline(timeoutMs)
  try {
    await talk(deadline)
  } catch (error) {
    stream.log.error('%s failed - %e', what, error)
    stream.abort(asError(error))
  }
}

interface AskLimits {
  clock: Clock
  timeoutMs: number
  /** Calls the talk off. */
  signal: AbortSignal
}

/** Opens a stream and talks on it. @throws what opening or the talk throws; the signal's reason */
export async function ask<T>(
  open: (signal: AbortSignal) => Promise<Stream>,
  { clock, timeoutMs, signal }: AskLimits,
  talk: (stream: Stream, deadline: Deadline) => Promise<T>,
): Promise<T> {
  using deadline = clock.deadline(timeoutMs, signal)
  const stream = await open(deadline.signal)
  try {
    return await talk(stream, deadline)
  } catch (error) {
    stream.abort(asError(error))
    throw error
  }
}
