/** The line of progress while files come from a hub: which one, how much, how long it takes. */
import { WorkPlan } from '../progress/work-plan.ts'
import { bytes } from '../terminal/numbers.ts'
import { forecastInWords } from '../terminal/progress-line.ts'
import type { Terminal } from '../terminal/terminal.ts'

const KIND = 'fetch'
/** A line of 100 Mbit/s. It counts until a few percent are here and show the real speed. */
const EXPECTED_BYTES_A_SECOND = 12_500_000

export class FetchLine {
  private readonly terminal: Terminal
  private readonly repository: string
  /** A plan of its own: what the command does afterwards is forecast when the model is known. */
  private readonly plan: WorkPlan
  private readonly running
  private readonly total: number
  private path = ''
  private done: number
  private told = -1

  /**
   * @param total - bytes of all files
   * @param earlier - bytes that are here already
   */
  constructor(terminal: Terminal, repository: string, total: number, earlier: number) {
    this.terminal = terminal
    this.repository = repository
    this.total = total
    this.done = earlier
    this.plan = new WorkPlan(() => performance.now())
    const work = { kind: KIND, cost: total / EXPECTED_BYTES_A_SECOND }
    this.plan.expect([work])
    this.running = this.plan.begin(work)
    this.running.goesOnFrom(this.share)
  }

  /** The share of the bytes that is here. */
  get share(): number {
    return this.total === 0 ? 1 : this.done / this.total
  }

  /** A file begins. The seconds since the last one are none of its own: bytes of an earlier run were read. */
  begins(path: string): void {
    this.path = path
    this.running.goesOnFrom(this.share)
    this.show()
  }

  adds(count: number): void {
    this.done += count
    this.running.reach(this.share)
    const percent = Math.floor(this.share * 100)
    if (percent === this.told) return
    this.told = percent
    this.show()
  }

  private show(): void {
    this.terminal.waiting(() => {
      const amount = `${bytes(this.done)} of ${bytes(this.total)}`
      return `Fetching ${this.repository} · ${this.path} · ${amount}${forecastInWords(this.plan.forecast())}`
    })
  }
}
