/**
 * The output of a command. Results go to stdout; with --json a single object goes there and everything else goes to
 * stderr. Progress always goes to stderr (see progress-line.ts). Questions, and the text that belongs to them, go to
 * stderr as well.
 */
import { Writable } from 'node:stream'
import { WorkPlan } from '../progress/work-plan.ts'
import { InterruptedError } from './interruption.ts'
import type { Output } from './output.ts'
import { ProgressLine } from './progress-line.ts'
import { askPerson, type Keyboard, type Question } from './question.ts'
import { DEFAULT_COLUMNS, wrapped } from './width.ts'

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
  /** Calls a function again and again until it is stopped; default: by a timer that keeps no process alive. */
  every?: (ms: number, call: () => void) => { stop(): void }
}

export class Terminal {
  readonly json: boolean
  /** All work of the command, as far as it is known. */
  readonly work: WorkPlan
  private readonly stdout: Output
  private readonly stderr: Output
  private readonly stdin: () => Keyboard | undefined
  private readonly interrupt: () => void
  private readonly line: ProgressLine
  /** Output that waits while a question is open; null if none is open. */
  private held: Array<() => void> | null = null

  constructor({ stdout, stderr, stdin, json, interrupt, now = () => performance.now(), every }: TerminalInit) {
    this.stdout = stdout
    this.stderr = stderr
    this.stdin = stdin ?? (() => undefined)
    this.interrupt = interrupt ?? (() => undefined)
    this.json = json
    this.work = new WorkPlan(now)
    this.line = new ProgressLine({ output: stderr, work: this.work, now, every: every ?? byTimer })
  }

  /** A terminal that writes nothing, for work whose progress would precede output that must be first. */
  static silent(): Terminal {
    const nowhere: Output = { write: () => undefined }
    return new Terminal({ stdout: nowhere, stderr: nowhere, json: true })
  }

  /** Writes lines of the result for a person: to stdout, or to stderr with --json. */
  say(text: string): void {
    this.write(this.results, text)
  }

  /** Writes a line about the work in progress. */
  note(text: string): void {
    this.write(this.stderr, text)
  }

  /** Whether a person sees at once what `say` writes, and nothing keeps it. */
  get isWatched(): boolean {
    return this.results.isTTY === true
  }

  /** Shows the current work. The forecast for the whole command stands behind it. */
  progress(text: string): void {
    if (this.held === null) this.line.show({ text: () => text, isTimed: true }, false)
  }

  /** Shows a counted step. A log has the first one of each stage at once. */
  step(text: string): void {
    if (this.held === null) this.line.step({ text: () => text, isTimed: true })
  }

  /** Shows work of which a log has a line at once: there are few of them in a command. */
  stage(text: string): void {
    if (this.held === null) this.line.show({ text: () => text, isTimed: true }, true)
  }

  /**
   * Shows what is waited for. No work of this machine tells how long that takes, but the text itself may.
   * @param atOnce - whether a log has it at once
   */
  waiting(text: () => string, atOnce = false): void {
    if (this.held === null) this.line.show({ text, isTimed: false }, atOnce)
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

  /** Writes the single object of --json, if there is one; without --json it writes nothing. */
  result(report: object | null): void {
    this.clear()
    if (this.json && report !== null) this.stdout.write(`${JSON.stringify(report)}\n`)
  }

  /** Wipes the line of progress for good: the command, or this part of it, has ended. */
  clear(): void {
    this.line.end()
  }

  private get results(): Output {
    return this.json ? this.stderr : this.stdout
  }

  private write(output: Output, text: string): void {
    if (this.held !== null) return void this.held.push(() => this.write(output, text))
    this.line.wipe()
    output.write(`${output.isTTY ? wrapped(text, output.columns || DEFAULT_COLUMNS) : text}\n`)
    this.line.redraw()
  }
}

function byTimer(ms: number, call: () => void): { stop(): void } {
  const timer = setInterval(call, ms).unref()
  return { stop: () => clearInterval(timer) }
}
