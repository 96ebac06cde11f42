/** A question to the person at the terminal. */

import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { InterruptedError } from './interruption.ts'

/** The keyboard: the part of process.stdin that a question needs. */
export type Keyboard = Readable & { isTTY?: boolean; setRawMode?(on: boolean): unknown }

export interface Question {
  /** The question, in one line. */
  text: string
  yes: string
  no: string
}

interface QuestionInit extends Question {
  input: Keyboard
  output: Writable
  /** Takes the question back when it aborts; its reason is thrown. */
  signal: AbortSignal
}

/** Ctrl-C and Ctrl-D, as a terminal in raw mode sends them. */
const ENDS = ['\x03', '\x04']
/**
 * The time in which keys that were pressed before the question arrive. They are dropped: nobody had read the question.
 */
const TYPED_AHEAD_MS = 50

/**
 * Asks and waits for the answer; "no" is chosen until the person chooses otherwise.
 * @throws {InterruptedError} Ctrl-C, Ctrl-D, Escape, or the keyboard has gone
 * @throws the signal's reason
 */
export async function askPerson({ text, yes, no, input, output, signal }: QuestionInit): Promise<boolean> {
  const { confirm, isCancel } = await import('@clack/prompts')
  using gone = watchForEnd(input)
  const either = new AbortController()
  const onAbort = () => either.abort()
  for (const one of [signal, gone.signal]) {
    if (one.aborted) onAbort()
    one.addEventListener('abort', onAbort)
  }
  try {
    await discardTypedAhead(input)
    signal.throwIfAborted()
    const asked = { message: text, active: yes, inactive: no, initialValue: false, withGuide: false }
    const answer = await confirm({ ...asked, input, output, signal: either.signal })
    signal.throwIfAborted()
    if (isCancel(answer)) throw new InterruptedError('SIGINT')
    return answer
  } finally {
    signal.removeEventListener('abort', onAbort)
    input.setRawMode?.(false)
    input.pause()
  }
}

interface Watch extends Disposable {
  signal: AbortSignal
}

/** A signal that aborts when no answer can come any more. readline itself ends in silence at Ctrl-D. */
function watchForEnd(input: Keyboard): Watch {
  const controller = new AbortController()
  const onEnd = () => controller.abort()
  const onData = (bytes: Buffer | string) => {
    if (ENDS.some((key) => bytes.includes(key))) controller.abort()
  }
  input.on('end', onEnd).on('data', onData)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      input.off('end', onEnd).off('data', onData)
    },
  }
}

/** Drops the keys that the terminal has kept from before: it keeps whatever is typed while nobody reads it. */
async function discardTypedAhead(input: Keyboard): Promise<void> {
  if (input.setRawMode === undefined) return
  input.setRawMode(true)
  input.resume()
  await pause(TYPED_AHEAD_MS)
}
