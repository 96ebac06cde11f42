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

  override progress(label: string, done = 0, total = 0): void {
    this.tell({ type: 'progress', label, done, total })
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
