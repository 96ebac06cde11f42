/**
 * The line of progress: what is being done, how much of the whole command is done, and how long the rest takes. On a
 * terminal one line redraws itself, elsewhere it is written now and then.
 */
import type { Forecast, WorkPlan } from '../progress/work-plan.ts'
import { timeLeft } from './numbers.ts'
import type { Output } from './output.ts'
import { DEFAULT_COLUMNS, shortened } from './width.ts'

/** The time between two redraws while nothing happens: the seconds that are left count down. */
const TICK_MS = 1000
/** The time between two lines in a log: some hundred in an hour. */
export const LOG_MS = 20_000
/** A log has the same line again after so long: some weeks of waiting are no book. */
const REPEAT_MS = 600_000
/** The time from the beginning of a command to its first line in a log: a refusal right at the start stands alone. */
const FIRST_LOG_MS = 5000
/** Begins the line of a terminal anew. */
const WIPE = '\r\x1b[K'

interface ProgressInit {
  output: Output
  work: WorkPlan
  /** A clock in milliseconds, monotonic. */
  now: () => number
  /** Calls a function again and again until it is stopped. */
  every: (ms: number, call: () => void) => { stop(): void }
}

interface Shown {
  text: () => string
  /** Whether the forecast stands behind the text. */
  isTimed: boolean
}

export class ProgressLine {
  private readonly init: ProgressInit
  private readonly live: boolean
  private shown: Shown | null = null
  private drawn = false
  private ticking: { stop(): void } | null = null
  /** When a log was written to last. */
  private spoke: number
  /** The last line of a log. */
  private wrote = ''
  /** A stage has just begun: a log has its first step as well, however soon it comes. */
  private isNew = false

  constructor(init: ProgressInit) {
    this.init = init
    this.live = init.output.isTTY === true
    this.spoke = init.now() - LOG_MS + FIRST_LOG_MS
  }

  /** @param stage - whether a log gets this line at once */
  show(shown: Shown, stage: boolean): void {
    this.shown = shown
    this.ticking ??= this.init.every(TICK_MS, () => this.draw(false))
    this.draw(stage)
    if (stage) this.isNew = true
  }

  /** Shows a step of the stage. */
  step(shown: Shown): void {
    this.shown = shown
    this.draw(this.isNew)
    this.isNew = false
  }

  /** Wipes the line; it comes back with `redraw`, or by itself after a second. */
  wipe(): void {
    if (this.drawn) this.init.output.write(WIPE)
    this.drawn = false
  }

  /** Draws the line again below what was written. */
  redraw(): void {
    if (this.live) this.draw(false)
  }

  /** Wipes the line for good. */
  end(): void {
    this.wipe()
    this.shown = null
    this.ticking?.stop()
    this.ticking = null
  }

  private draw(atOnce: boolean): void {
    if (this.shown === null) return
    const { now, output, work } = this.init
    if (!this.live && !atOnce && now() - this.spoke < LOG_MS) return
    const text = this.shown.text()
    const tail = this.shown.isTimed ? forecastInWords(work.forecast()) : ''
    const whole = `${text}${tail}`
    if (!this.live) {
      if (whole === this.wrote && now() - this.spoke < REPEAT_MS) return
      this.spoke = now()
      this.wrote = whole
      output.write(`${whole}\n`)
      return
    }
    const room = (output.columns || DEFAULT_COLUMNS) - 1 // 0: a terminal without a size
    output.write(`${this.drawn ? WIPE : ''}${shortened(shortened(text, room - tail.length) + tail, room)}`)
    this.drawn = true
  }
}

/** " · 41 % · 38 s left"; nothing while nothing is known. */
export function forecastInWords(forecast: Forecast | null): string {
  return forecast === null ? '' : ` · ${Math.floor(forecast.share * 100)} % · ${timeLeft(forecast.left)} left`
}
