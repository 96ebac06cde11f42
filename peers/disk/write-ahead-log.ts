/**
 * A write-ahead log, for facts that a peer must not forget before it signs: an append-only file of records. A record is
 * its length (u32, little-endian), the CRC-32 of length and body (u32, little-endian), and the body. `append` returns
 * when the record is on the disk.
 *
 * A crash can cut the last record short: opening truncates that tail. A damaged record with others behind it was
 * damaged later, and is refused: it might have been a vote.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { OutputError } from '../../src/base/errors.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { syncDirectory } from '../../src/files/durable-file.ts'

/** The bytes of length and checksum. */
const HEADER_BYTES = 8
/**
 * The longest record. Votes and messages are below 1 KiB, a plan of 1,000 members about 300 KiB; a larger length is a
 * damaged one.
 */
export const MAX_RECORD_BYTES = 2 ** 24

export interface WriteAheadLog {
  /** Returns when the record is on the disk. Records are written in the order of the calls. */
  append(record: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** A log, and the facts that it held: whoever opens it takes what it needs of them, and the log keeps none. */
interface OpenedLog<T> {
  log: WriteAheadLog
  /** Oldest first. */
  facts: T[]
}

/**
 * @param read - the fact in a record; throws for a record that it does not know
 * @throws {OutputError} OUTPUT_LOG_DAMAGED: a record in its middle is damaged, or none that `read` knows;
 * OUTPUT_UNWRITABLE
 */
export async function openWriteAheadLog<T>(path: string, read: (record: Uint8Array) => T): Promise<OpenedLog<T>> {
  let handle: FileHandle
  try {
    handle = await open(path, 'a+', 0o600)
  } catch (error) {
    throw unwritable(path, error)
  }
  try {
    const bytes = new Uint8Array(await handle.readFile())
    const { records, end } = parseRecords(path, bytes)
    const facts = records.map((record, index) => factOf(path, index, () => read(record)))
    if (end < bytes.length) {
      await handle.truncate(end)
      await handle.sync()
    }
    await syncDirectory(dirname(path))
    return { log: new FileLog(path, handle), facts }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A whole record that is unknown was damaged before it was written, or is of another version. */
function factOf<T>(path: string, index: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw damaged(`${path}: record ${index} is none that this version knows`, error)
  }
}

/** The bytes of a record in the file. @throws {RangeError} the record is too long */
export function frameRecord(record: Uint8Array): Uint8Array {
  if (record.length > MAX_RECORD_BYTES) {
    throw new RangeError(`a record of ${record.length} bytes; the log takes ${MAX_RECORD_BYTES}`)
  }
  const frame = new Uint8Array(HEADER_BYTES + record.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, record.length, true)
  frame.set(record, HEADER_BYTES)
  view.setUint32(4, checksum(frame), true)
  return frame
}

/**
 * The whole records of a log, and the offset of their end.
 * @throws {OutputError} OUTPUT_LOG_DAMAGED: a damaged record has a whole one after it
 */
export function parseRecords(path: string, bytes: Uint8Array): { records: Uint8Array[]; end: number } {
  const records: Uint8Array[] = []
  let offset = 0
  while (offset < bytes.length) {
    const next = wholeRecordAt(bytes, offset)
    if (next === null) {
      if (recordFollows(bytes, offset + 1)) {
        throw damaged(`${path}: record ${records.length} at byte ${offset} is damaged`)
      }
      break
    }
    records.push(bytes.slice(offset + HEADER_BYTES, next))
    offset = next
  }
  return { records, end: offset }
}

/** The end of the record at this offset; null if the record is cut short or damaged. */
function wholeRecordAt(bytes: Uint8Array, offset: number): number | null {
  if (offset + HEADER_BYTES > bytes.length) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const length = view.getUint32(offset, true)
  const end = offset + HEADER_BYTES + length
  if (length === 0 || length > MAX_RECORD_BYTES || end > bytes.length) return null
  return view.getUint32(offset + 4, true) === checksum(bytes.subarray(offset, end)) ? end : null
}

/** Whether any whole record starts at or after an offset; a chance hit has probability 2^-32 a byte. */
function recordFollows(bytes: Uint8Array, from: number): boolean {
  for (let offset = from; offset + HEADER_BYTES < bytes.length; offset++) {
    if (wholeRecordAt(bytes, offset) !== null) return true
  }
  return false
}

/** CRC-32 of the length field and the body, without the field of the checksum itself. */
function checksum(frame: Uint8Array): number {
  return crc32(frame.subarray(HEADER_BYTES), crc32(frame.subarray(0, 4)))
}

function damaged(what: string, cause?: unknown): OutputError {
  return new OutputError({
    code: 'OUTPUT_LOG_DAMAGED',
    what,
    cause,
    hint: 'This peer cannot know what it has signed. Restore the data directory, or join anew with another one.',
  })
}

class FileLog implements WriteAheadLog {
  private readonly path: string
  private readonly handle: FileHandle
  private tail: Promise<void> = Promise.resolve()
  private closed = false

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.handle = handle
  }

  append(record: Uint8Array): Promise<void> {
    if (this.closed) return Promise.reject(new Error(`${this.path} is closed`))
    const frame = frameRecord(record)
    const written = this.tail.then(() => this.write(frame))
    // After a failed write no record may follow: the end of the file is unknown.
    this.tail = written
    written.catch(() => {})
    return written
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.tail.catch(() => {})
    await this.handle.close()
  }

  private async write(frame: Uint8Array): Promise<void> {
    try {
      await this.handle.appendFile(frame)
      await this.handle.datasync()
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }
}
