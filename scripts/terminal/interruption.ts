/** Ctrl-C and kill. The first signal asks the command to stop cleanly; a later one ends the process at once. */
import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof SIGNALS)[number]

/**
 * The time within which signals count as one wish. A keystroke reaches this process up to three times, from the
 * terminal, from npm and from an older Node that started it. Only a signal that comes later than this is a second wish.
 */
export const SAME_WISH_MS = 1000

/** The warning after a second wish. */
const AT_ONCE = 'It stopped at once, in the middle of its work: half-written files may be left.'

/** The message when the command does not stop at once after the first wish. */
export function draining(unit: 'block' | 'step'): string {
  return `Stopping once the ${unit} at hand is finished; Ctrl-C again stops at once.`
}

/** The reason of the abort signal: the person has asked the command to stop. */
export class InterruptedError extends Error {
  static name = 'InterruptedError'
  readonly name = 'InterruptedError'
  readonly code = 'INTERRUPTED'
  /** 128 and the signal's number: 130 for Ctrl-C, 143 for kill. */
  readonly exit: number
  /** One line that says what is kept and how to continue. */
  readonly hint: string
  private readonly signal: Signal

  constructor(signal: Signal, hint = 'Nothing is kept. The same command begins anew.') {
    super(`stopped by ${signal}`)
    this.exit = 128 + constants.signals[signal]
    this.hint = hint
    this.signal = signal
  }

  /** The same error, with a command's own hint. */
  withHint(hint: string): InterruptedError {
    return new InterruptedError(this.signal, hint)
  }
}

/** The error with which a command ends. What a stop has caused is not reported: the stop itself is, with its hint. */
export function endOf(error: unknown, signal: AbortSignal): unknown {
  const isStopped = signal.aborted && signal.reason instanceof InterruptedError
  return isStopped && !(error instanceof InterruptedError) ? signal.reason : error
}

export class Interruption implements Disposable {
  private readonly controller = new AbortController()
  private readonly onSecond: (reason: InterruptedError) => void
  private readonly listener = (signal: Signal): void => this.receive(signal, performance.now())
  private first: number | null = null

  constructor(onSecond: (reason: InterruptedError) => void) {
    this.onSecond = onSecond
    for (const name of SIGNALS) process.on(name, this.listener)
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** @param at - milliseconds, monotonic */
  receive(name: Signal, at: number): void {
    const interrupted = new InterruptedError(name)
    if (this.first === null) {
      this.first = at
      this.controller.abort(interrupted)
    } else if (at - this.first > SAME_WISH_MS) {
      this.onSecond(interrupted.withHint(AT_ONCE))
    }
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.listener)
  }
}
