/**
 * The only clock that a peer's decisions follow: deadlines, pauses, a monotonic clock and the date. Protocols get it
 * injected; protocols/stream/time.ts says what they may ask of it. Seconds in reports are measured by
 * src/base/stopwatch.ts, and no decision depends on them.
 */

import { composed } from '../../protocols/stream/composed.ts'
import { DeadlineError } from '../../protocols/stream/errors.ts'
import type { Clock, Deadline } from '../../protocols/stream/time.ts'

export const systemClock: Clock = { now: () => performance.now(), date: () => Date.now(), deadline, pause }

function deadline(milliseconds: number, parent?: AbortSignal): Deadline {
  const late = new AbortController()
  const both = composed(parent, late.signal)
  const expire = () => late.abort(new DeadlineError(milliseconds))
  let timer = setTimeout(expire, milliseconds)
  const clear = () => {
    clearTimeout(timer)
    both.clear()
  }
  return {
    signal: both.signal,
    restart() {
      clearTimeout(timer)
      timer = setTimeout(expire, milliseconds)
    },
    clear,
    [Symbol.dispose]: clear,
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}
