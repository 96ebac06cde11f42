/** Tasks that run beside their caller: whoever stops waits for them. Each handles its own failures. */
export class Tasks {
  private readonly running = new Set<Promise<void>>()

  add(task: Promise<void>): void {
    this.running.add(task)
    const forget = () => void this.running.delete(task)
    task.then(forget, forget)
  }

  /** Resolves when all that run now have ended, well or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.running)
  }
}
