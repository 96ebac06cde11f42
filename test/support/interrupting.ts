/** Commands that are stopped in the middle. */
import { Recorder } from './command-line.ts'

/** Begins the line of progress anew: here each has a line of its own. */
const WIPE = '\r\x1b[K'
/** Enough for a line of progress. */
const COLUMNS = 200

/** A terminal that sends Ctrl-C to this process once something is written. */
export class Interrupting extends Recorder {
  private readonly at: RegExp
  private sent = false

  constructor(at: RegExp) {
    super(true, COLUMNS) // a log would not have every step
    this.at = at
  }

  override write(text: string): void {
    super.write(text.replaceAll(WIPE, '\n'))
    if (this.sent || !this.at.test(this.text)) return
    this.sent = true
    process.emit('SIGINT', 'SIGINT')
  }
}
