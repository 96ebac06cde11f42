/** The system's clock, whose pauses can be cut short where a test would wait for minutes. */
import { systemClock } from '../../../../peers/round/clock.ts'
import type { Clock } from '../../../../protocols/stream/time.ts'

/** Ten minutes of silence become six seconds, and the ten seconds of a step a tenth. */
const FACTOR = 100

export class HurriedClock implements Clock {
  readonly now = systemClock.now
  readonly date = systemClock.date
  readonly deadline = systemClock.deadline
  private readonly hurried = Promise.withResolvers<void>()

  /** From now on all pauses are shorter, also those that have begun. */
  hurry(): void {
    this.hurried.resolve()
  }

  async pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const both = AbortSignal.any([signal, over.signal])
    try {
      await Promise.race([
        systemClock.pause(milliseconds, both),
        this.hurried.promise.then(() => systemClock.pause(milliseconds / FACTOR, both)),
      ])
    } finally {
      over.abort(new Error('the pause is over'))
    }
  }
}
