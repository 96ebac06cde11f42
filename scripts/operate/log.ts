/**
 * The log of --log-file: one JSON object a line, with its time and level. Lines are written at once, so that a crash
 * loses none. If the file was moved away, as logrotate does it, the next line begins a new one. A log that cannot be
 * written stops nothing.
 */
import { statSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { unwritable } from '../../src/base/system-errors.ts'
import { EVENT_KINDS, type Level } from './event-kinds.ts'
import type { EventLine } from './event-schema.ts'
import type { LogOptions } from './options.ts'

/** Site names, peer ids and addresses stand in it: no other account needs to read it. */
const MODE = 0o600
/** Fields that a log does not show: who knows the line of an invitation can join. */
const SECRET_FIELDS = ['line']
/** Lines that a full disk keeps waiting: a few thousand. What comes after is lost. */
const MAX_WAITING_BYTES = 1 << 20

export class Log implements Disposable {
  private readonly file: string
  private readonly destination: ReturnType<typeof pino.destination>
  private readonly logger: Logger
  private readonly onFailure: (reason: string) => void
  private inode: number
  private isFailing = false

  /**
   * Begins the file, or goes on with it.
   * @param onFailure - called with a reason when lines begin to be lost
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  constructor({ file, level }: LogOptions, onFailure: (reason: string) => void) {
    this.file = file
    this.onFailure = onFailure
    try {
      this.destination = pino.destination({ dest: file, sync: true, mode: MODE, maxLength: MAX_WAITING_BYTES })
      this.inode = inodeOf(file)
    } catch (error) {
      throw unwritable(file, error)
    }
    this.destination.on('error', (error) => this.failed(error))
    this.destination.on('write', () => (this.isFailing = false))
    this.logger = pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      },
      this.destination,
    )
  }

  write(line: EventLine): void {
    try {
      if (inodeOf(this.file) !== this.inode) this.reopen()
      this.logger[levelOf(line)](line.event === 'result' ? { ...line, report: undefined } : line)
    } catch (error) {
      this.failed(error)
    }
  }

  private reopen(): void {
    this.destination.reopen()
    this.inode = inodeOf(this.file)
  }

  private failed(error: unknown): void {
    if (!this.isFailing) this.onFailure(unwritable(this.file, error).message)
    this.isFailing = true
  }

  [Symbol.dispose](): void {
    this.destination.end()
  }
}

/** A stop on request is no failure. */
function levelOf(line: EventLine): Level {
  return line.event === 'error' && line.code === 'INTERRUPTED' ? 'info' : EVENT_KINDS[line.event].level
}

/** The identity of a file; 0 where there is none. */
function inodeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0
}
