/**
 * The output of a command. Results go to stdout; with --json a single object goes there and everything else goes to
 * stderr. Progress always goes to stderr: on a terminal a line that redraws itself, elsewhere a plain line now and
 * then. Questions, and the text that belongs to them, go to stderr as well.
 */
import { Writable } from 'node:stream'
import { InterruptedError } from './interruption.ts'
import { percent } from './numbers.ts'
import { askPerson, type Keyboard, type Question } from './question.ts'
import { clipped } from './width.ts'

/** The parts of process.stdout and process.stderr that a terminal needs. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

interface TerminalInit {
  stdout: Output
  stderr: Output
  /** Opens the source of answers, only when a question is asked; undefined: there is none. */
  stdin?: () => Keyboard | undefined
  /** Called for Ctrl-C as the answer to a question: in raw mode the terminal sends no signal for it. */
  interrupt?: () => void
  /** Whether stdout gets a single object, at the end. */
  json: boolean
  /** A clock in milliseconds, monotonic. */
  now?: () => number
}

/** The shortest time between two redraws: too short to read more, long enough to cost nothing. */
const REDRAW_MS = 100
/** The time between two lines of progress in a log file. */
const LOG_MS = 5000
const BAR_WIDTH = 24
const DEFAULT_COLUMNS = 80

export class Terminal {
  readonly json: boolean
  private readonly stdout: Output
  private readonly stderr: Output
  private readonly stdin: () => Keyboard | undefined
  private readonly interrupt: () => void
  /** Output that waits while a question is open; null if none is open. */
  private held: Array<() => void> | null = null
  private readonly now: () => number
  private readonly live: boolean
  private drawn = false
  /** The time when progress was last written; at first the time when this terminal was made. */
  private spoke: number
  /** The time when each label was last written, by its stage (see stageOf); several peers take turns. */
  private readonly written = new Map<string, number>()

  constructor({ stdout, stderr, stdin, json, interrupt, now = () => performance.now() }: TerminalInit) {
    this.stdout = stdout
    this.stderr = stderr
    this.stdin = stdin ?? (() => undefined)
    this.interrupt = interrupt ?? (() => undefined)
    this.json = json
    this.now = now
    this.live = stderr.isTTY === true
    this.spoke = now()
  }

  /** A terminal that writes nothing, for work whose progress would precede output that must be first. */
  static silent(): Terminal {
    const nowhere: Output = { write: () => undefined }
    return new Terminal({ stdout: nowhere, stderr: nowhere, json: true })
  }

  /** Writes lines of the result for a person: to stdout, or to stderr with --json. */
  say(text: string): void {
    if (this.held !== null) return void this.held.push(() => this.say(text))
    this.clear()
    const output = this.json ? this.stderr : this.stdout
    output.write(`${text}\n`)
  }

  /** Writes a line about the work in progress. */
  note(text: string): void {
    if (this.held !== null) return void this.held.push(() => this.note(text))
    this.clear()
    this.stderr.write(`${text}\n`)
  }

  /**
   * Shows the current work and its progress. In a log file, work that cannot be counted has a line only after a
   * silence, so that a refusal right at the start stands alone. The first finished step has its line there, however
   * soon it comes.
   * @param total - 0 if it is not known
   */
  progress(label: string, done = 0, total = 0): void {
    if (this.held !== null) return
    const at = this.now()
    const stage = this.live ? label : stageOf(label, done, total)
    const last = this.written.get(stage) ?? (this.live || total > 0 ? undefined : this.spoke)
    const complete = total > 0 && done >= total
    if (last !== undefined && !complete && at - last < (this.live ? REDRAW_MS : LOG_MS)) return
    this.written.set(stage, at)
    this.spoke = at
    if (!this.live) {
      this.stderr.write(total > 0 ? `${label}: ${done} of ${total}\n` : `${label}\n`)
      return
    }
    const columns = this.stderr.columns || DEFAULT_COLUMNS // 0: a terminal without a size
    this.clear()
    this.stderr.write(clipped(`${label}${total > 0 ? ` ${bar(done, total)}` : ' ...'}`, columns - 1))
    this.drawn = true
  }

  /** Whether a person can be asked: both the keyboard and stderr are a terminal. */
  get canAsk(): boolean {
    return this.stdin()?.isTTY === true && this.stderr.isTTY === true
  }

  /**
   * Asks the person; other output waits until there is an answer.
   * @throws {InterruptedError} Ctrl-C
   * @throws the signal's reason
   */
  async ask(question: Question, signal: AbortSignal): Promise<boolean> {
    const { stderr: output } = this
    const input = this.stdin()
    if (input === undefined || !(output instanceof Writable)) throw new Error('there is no terminal to ask at')
    this.clear()
    const held: Array<() => void> = []
    this.held = held
    try {
      return await askPerson({ ...question, input, output, signal })
    } catch (error) {
      if (error instanceof InterruptedError) this.interrupt()
      throw error
    } finally {
      this.held = null
      for (const write of held) write()
    }
  }

  /** Writes the single object of --json; without --json it writes nothing. */
  result(report: object): void {
    this.clear()
    if (this.json) this.stdout.write(`${JSON.stringify(report)}\n`)
  }

  /** Wipes the line of progress. */
  clear(): void {
    if (this.drawn) this.stderr.write('\r\x1b[K')
    this.drawn = false
  }
}

/** A label with its stage: before anything is counted, at the beginning of counting, or while the count grows. */
function stageOf(label: string, done: number, total: number): string {
  if (total === 0) return label
  return done === 0 ? `${label}: begun` : `${label}: moving`
}

function bar(done: number, total: number): string {
  const share = Math.min(1, Math.max(0, done / total))
  const filled = Math.round(share * BAR_WIDTH)
  return `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${percent(Math.round(share * 100) / 100)}`
}
