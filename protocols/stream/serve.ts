/**
 * The life of one stream, at the side that was asked and at the side that asks: a deadline, and a reset where the talk
 * fails. The other side sees only the reset, never our error.
 */
import type { Stream } from '@libp2p/interface'
import { asError } from './errors.ts'
import type { Clock, Deadline } from './time.ts'

interface ServeLimits {
  clock: Clock
  /** The most time for the talk; it restarts whenever something moves. */
  timeoutMs: number
  /** The work and the other peer in words, for the log. */
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
  /** Aborts the talk. */
  signal: AbortSignal
}

/** Opens a stream and talks on it. @throws the errors of opening and of the talk; the signal's reason */
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
