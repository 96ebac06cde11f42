/**
 * What a command says. Results go to stdout; with --json one object does and everything else goes to stderr.
 * Progress always goes to stderr: a line that redraws itself on a terminal, now and then a plain line elsewhere. So do
 * questions, and what they are about.
 */
import { Writable } from 'node:stream'
import { InterruptedError } from './interruption.ts'
import { percent } from './numbers.ts'
import { ask, type Keyboard, type Question } from './question.ts'
import { clipped } from './width.ts'

/** What a terminal needs of process.stdout and process.stderr. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

interface TerminalInit {
  stdout: Output
  stderr: Output
  /** Where answers come from; undefined: from nowhere. Opened by who asks alone. */
  stdin?: () => Keyboard | undefined
  /** Ctrl-C as the answer to a question, of which a terminal makes no signal. */
  interrupt?: () => void
  /** Only one object on stdout, at the end. */
  json: boolean
  /** Milliseconds, monotonic. */
  now?: () => number
}

/** A terminal is redrawn at most so often: faster than reading, slow enough to cost nothing. */
const REDRAW_MS = 100
/** A log file gets a line of progress as often as this. */
const LOG_MS = 5000
const BAR_WIDTH = 24
const DEFAULT_COLUMNS = 80

export class Terminal {
  readonly json: boolean
  private readonly stdout: Output
  private readonly stderr: Output
  private readonly stdin: () => Keyboard | undefined
  private readonly interrupt: () => void
  /** What is said while a question stands there; null: none does. */
  private held: Array<() => void> | null = null
  private readonly now: () => number
  private readonly live: boolean
  private drawn = false
  /** When progress was last written, at first when this was made. */
  private spoke: number
  /** When each label was last written, by how far it was (see stageOf); several peers take turns. */
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

  /** Says nothing, for work whose progress would come before what must come first. */
  static silent(): Terminal {
    const nowhere: Output = { write: () => undefined }
    return new Terminal({ stdout: nowhere, stderr: nowhere, json: true })
  }

  /** Lines for a person, as part of the result: stdout, or stderr with --json. */
  say(text: string): void {
    if (this.held !== null) return void this.held.push(() => this.say(text))
    this.clear()
    const output = this.json ? this.stderr : this.stdout
    output.write(`${text}\n`)
  }

  /** A line about what is going on. */
  note(text: string): void {
    if (this.held !== null) return void this.held.push(() => this.note(text))
    this.clear()
    this.stderr.write(`${text}\n`)
  }

  /**
   * What is being done and how far it is. In a log file, what cannot be counted has a line only after a silence: a
   * refusal that comes at once then stands alone. There the first step that is done has its line, however soon it
   * comes.
   * @param total - 0: unknown
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
   * Asks the person; other words wait until there is an answer.
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
      return await ask({ ...question, input, output, signal })
    } catch (error) {
      if (error instanceof InterruptedError) this.interrupt()
      throw error
    } finally {
      this.held = null
      for (const write of held) write()
    }
  }

  /** The one object of --json; without it nothing. */
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

/** A label before anything of it is counted, at its beginning, and while it moves. */
function stageOf(label: string, done: number, total: number): string {
  if (total === 0) return label
  return done === 0 ? `${label}: begun` : `${label}: moving`
}

function bar(done: number, total: number): string {
  const share = Math.min(1, Math.max(0, done / total))
  const filled = Math.round(share * BAR_WIDTH)
  return `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${percent(Math.round(share * 100) / 100)}`
}
