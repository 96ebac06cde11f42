/** A person at a terminal: reads what is written, and presses keys where it reads what it waits for. */
import { PassThrough, Writable } from 'node:stream'

/** Begins the line of progress anew: here each has a line of its own. */
const WIPE = '\r\x1b[K'

class Screen extends Writable {
  text = ''
  isTTY = true
  columns = 1000 // no sentence is broken
  private readonly onText: () => void

  constructor(onText: () => void) {
    super({ decodeStrings: false })
    this.onText = onText
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += String(chunk).replaceAll(WIPE, '\n')
    done()
    this.onText()
  }
}

/** Hands each key over at once, as a terminal in raw mode does. */
class Keyboard extends PassThrough {
  isTTY = true
  isRaw = false

  setRawMode(on: boolean): this {
    this.isRaw = on
    return this
  }
}

export class Person {
  readonly keyboard = new Keyboard()
  readonly screen: Screen
  private readonly script: Array<[sees: RegExp, keys: string]>
  private readonly waiting: Array<{ wanted: RegExp; seen: () => void }> = []

  /** @param script - in this order: what is read, and the keys that are pressed then */
  constructor(script: Array<[sees: RegExp, keys: string]>) {
    this.script = [...script]
    this.screen = new Screen(() => this.read())
  }

  /** Resolves when this is on the screen. */
  sees(wanted: RegExp): Promise<void> {
    return new Promise((seen) => {
      this.waiting.push({ wanted, seen })
      this.read()
    })
  }

  private read(): void {
    const { text } = this.screen
    for (const { wanted, seen } of this.waiting) if (wanted.test(text)) seen()
    const [next] = this.script
    if (next?.[0].test(text) !== true) return
    this.script.shift()
    // The question is drawn before anybody listens: keys come after that.
    setImmediate(() => this.keyboard.write(next[1]))
  }
}
