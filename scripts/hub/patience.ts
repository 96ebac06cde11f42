/** A signal that aborts when nothing has happened for a while, or when another signal does. */

/** Longer than a hub takes to begin an answer under load, and shorter than people wait for a frozen line. */
export const SILENCE_MS = 60_000

export class Patience implements Disposable {
  readonly signal: AbortSignal
  private readonly controller = new AbortController()
  private readonly ms: number
  private timer: NodeJS.Timeout

  constructor(ms: number, other: AbortSignal) {
    this.ms = ms
    this.signal = AbortSignal.any([this.controller.signal, other])
    this.timer = this.begun()
  }

  /** Something has happened. */
  renew(): void {
    clearTimeout(this.timer)
    this.timer = this.begun()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer)
  }

  private begun(): NodeJS.Timeout {
    return setTimeout(() => this.controller.abort(new Error(`nothing came for ${this.ms / 1000} s`)), this.ms)
  }
}
