/** Timers by name, as the round asks for them. */
export class Timers {
  private readonly running = new Map<string, NodeJS.Timeout>()
  private readonly onTimer: (id: string) => void

  constructor(onTimer: (id: string) => void) {
    this.onTimer = onTimer
  }

  /** Replaces one of the same name. */
  set(id: string, milliseconds: number): void {
    this.clear(id)
    const fire = () => {
      this.running.delete(id)
      this.onTimer(id)
    }
    this.running.set(id, setTimeout(fire, milliseconds))
  }

  clear(id: string): void {
    clearTimeout(this.running.get(id))
    this.running.delete(id)
  }

  clearAll(): void {
    for (const id of [...this.running.keys()]) this.clear(id)
  }
}
