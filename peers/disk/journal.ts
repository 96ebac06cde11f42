/**
 * The journal: the bodies that a peer has signed in the rounds of one federation, in a write-ahead log. A record is a
 * body as it was encoded for the wire.
 */
import { join } from 'node:path'
import { type Body, decodeBody, encodeBody } from '../../protocols/round/messages/messages.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** The name of the log in the directory of the federation. */
const JOURNAL_FILE = 'journal.wal'

export class Journal {
  /** Bodies that were signed before this process, oldest first. */
  readonly bodies: Body[]
  private readonly log: WriteAheadLog

  private constructor(log: WriteAheadLog) {
    this.log = log
    this.bodies = log.records.map(decodeBody)
  }

  /** @throws {OutputError} OUTPUT_LOG_DAMAGED, OUTPUT_UNWRITABLE */
  static async open(directory: string): Promise<Journal> {
    return new Journal(await openWriteAheadLog(join(directory, JOURNAL_FILE)))
  }

  /** Writes a body; returns when it is on the disk. Only then may it be signed. */
  async writeBody(body: Body): Promise<void> {
    await this.log.append(encodeBody(body))
  }

  close(): Promise<void> {
    return this.log.close()
  }
}
