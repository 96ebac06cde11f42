/**
 * Files that tasks read, by name. A task may outlast the round that it was begun in (a slow site prunes on, a merge
 * that nobody waits for any more is measured), and reads its files as it goes. So whoever drops a file leaves it to the
 * last task that reads it.
 */
export class Uses {
  private readonly counts = new Map<string, number>()
  private readonly isKept: (name: string) => boolean
  private readonly remove: (name: string) => Promise<void>

  constructor(isKept: (name: string) => boolean, remove: (name: string) => Promise<void>) {
    this.isKept = isKept
    this.remove = remove
  }

  /** Runs a task. What was dropped while it read is removed at its end. */
  async during<T>(names: readonly string[], task: () => Promise<T>): Promise<T> {
    for (const name of names) this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    try {
      return await task()
    } finally {
      for (const name of names) await this.end(name)
    }
  }

  /** Removes what is not kept any more: now, or when the last task that reads it ends. */
  async drop(name: string): Promise<void> {
    if (!this.counts.has(name)) await this.remove(name)
  }

  private async end(name: string): Promise<void> {
    const left = (this.counts.get(name) ?? 1) - 1
    if (left > 0) return void this.counts.set(name, left)
    this.counts.delete(name)
    if (!this.isKept(name)) await this.remove(name)
  }
}
