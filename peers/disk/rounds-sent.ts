/**
 * How many records a journal must have, durable beside it: the round of each record, two bytes (little-endian),
 * appended after the record is on the disk and before it is sent.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { unwritable } from '../../src/base/system-errors.ts'

const ENTRY_BYTES = 2

export class RoundsSent {
  /** The rounds of the records that were there when the file was opened. */
  readonly rounds: readonly number[]
  private readonly path: string
  private readonly handle: FileHandle

  private constructor(path: string, handle: FileHandle, rounds: number[]) {
    this.path = path
    this.handle = handle
    this.rounds = rounds
  }

  /** @throws {OutputError} OUTPUT_UNWRITABLE */
  static async open(path: string): Promise<RoundsSent> {
    try {
      const handle = await open(path, 'a+', 0o600)
      const bytes = await handle.readFile()
      const whole = bytes.length - (bytes.length % ENTRY_BYTES) // a crash can cut the last one
      await handle.truncate(whole)
      const rounds = Array.from({ length: whole / ENTRY_BYTES }, (_, i) => bytes.readUInt16LE(i * ENTRY_BYTES))
      return new RoundsSent(path, handle, rounds)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** Returns when it is on the disk. */
  async append(round: number): Promise<void> {
    const entry = Buffer.alloc(ENTRY_BYTES)
    entry.writeUInt16LE(round)
    try {
      await this.handle.appendFile(entry)
      await this.handle.datasync()
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}
