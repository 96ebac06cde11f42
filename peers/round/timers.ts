/** Timers by name, for the round machine. */
import type { Clock } from '../../protocols/stream/time.ts'

export class Timers {
  private readonly clock: Clock
  private readonly running = new Map<string, { stop: AbortController; until: number }>()
  private readonly onTimer: (id: string) => void

  constructor(clock: Clock, onTimer: (id: string) => void) {
    this.clock = clock
    this.onTimer = onTimer
  }

  /** Starts a timer, and replaces one of the same name. */
  set(id: string, milliseconds: number): void {
    this.clear(id)
    const stop = new AbortController()
    this.running.set(id, { stop, until: this.clock.date() + milliseconds })
    const fire = () => {
      if (this.running.get(id)?.stop !== stop) return
      this.running.delete(id)
      this.onTimer(id)
    }
    this.clock.pause(milliseconds, stop.signal).then(fire, () => undefined)
  }

  clear(id: string): void {
    this.running.get(id)?.stop.abort()
    this.running.delete(id)
  }

  /** When a timer runs out, in milliseconds since 1970; null: it does not run. */
  until(id: string): number | null {
    return this.running.get(id)?.until ?? null
  }

  clearAll(): void {
    for (const id of [...this.running.keys()]) this.clear(id)
  }
}
