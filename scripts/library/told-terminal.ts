/** The terminal of a call: what a person would read becomes events, and a function answers for the person. */
import type { Question as TerminalQuestion } from '../terminal/question.ts'
import { Terminal } from '../terminal/terminal.ts'
import type { CoppiceEvent, Question } from './context.ts'

const NOWHERE = { write: () => undefined }

export class ToldTerminal extends Terminal {
  private readonly tell: (event: CoppiceEvent) => void
  private readonly answer: Question | null
  /** Texts since the last question. */
  private shown: string[] = []

  /** @param answer - null: nobody can be asked */
  constructor(tell: (event: CoppiceEvent) => void, answer: Question | null) {
    super({ stdout: NOWHERE, stderr: NOWHERE, json: false })
    this.tell = tell
    this.answer = answer
  }

  override say(text: string): void {
    this.shown.push(text)
    this.tell({ type: 'message', text })
  }

  override note(text: string): void {
    this.say(text)
  }

  override progress(text: string): void {
    const forecast = this.work.forecast()
    this.tell({ type: 'progress', text, share: forecast?.share ?? null, secondsLeft: forecast?.left ?? null })
  }

  override step(text: string): void {
    this.progress(text)
  }

  override stage(text: string): void {
    this.progress(text)
  }

  override waiting(text: () => string): void {
    this.progress(text())
  }

  override get canAsk(): boolean {
    return this.answer !== null
  }

  override async ask({ text }: TerminalQuestion, signal: AbortSignal): Promise<boolean> {
    if (this.answer === null) throw new Error('there is nobody to ask')
    signal.throwIfAborted()
    const { shown } = this
    this.shown = []
    const unneeded = Promise.withResolvers<never>()
    const onAbort = () => unneeded.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([this.answer({ text, shown }, signal), unneeded.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
