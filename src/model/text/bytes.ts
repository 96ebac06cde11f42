/** The bytes of a text, read as a stream and unpacked where they are packed with gzip. */
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { systemCode } from '../../base/system-errors.ts'
import { damagedPacking, type TextFile, unreadable } from './refusals.ts'

export type Bytes = AsyncGenerator<Buffer, void>

/** Bytes a read: large enough that a read costs little, small against what a tokenizer needs for as many. */
const READ_BYTES = 256 * 1024

/** @throws {InputError} TEXT_MISSING, TEXT_UNREADABLE */
export async function openFile(file: TextFile): Promise<FileHandle> {
  try {
    return await open(file.path)
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** @throws {InputError} TEXT_UNREADABLE */
export async function* readBytes(file: TextFile, handle: FileHandle): Bytes {
  for (;;) {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES).catch((error: unknown) => {
      throw unreadable(file, error)
    })
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * The same bytes, unpacked. All members of a file are read, and each one's checksum is compared.
 * @throws {InputError} TEXT_PACKED
 */
export async function* gunzipped(file: TextFile, packed: Bytes): Bytes {
  const gunzip = createGunzip({ chunkSize: READ_BYTES })
  // Errors of both ends come out of the loop below, and a loop that is left early closes both.
  pipeline(Readable.from(packed), gunzip, () => undefined)
  try {
    yield* gunzip
  } catch (error) {
    throw systemCode(error)?.startsWith('Z_') ? damagedPacking(file, error) : error
  }
}

/** The first bytes of a stream, fewer only where it is shorter, and the whole stream, these included. */
export async function withHead(bytes: Bytes, length: number): Promise<{ head: Buffer; all: Bytes }> {
  const read: Buffer[] = []
  for (let size = 0; size < length; size += read[read.length - 1].length) {
    const { value, done } = await bytes.next()
    if (done) break
    read.push(value)
  }
  const first = Buffer.concat(read)
  return { head: first.subarray(0, length), all: again([first], bytes) }
}

/** What was read from a stream, and the rest of it. */
export async function* again<Item>(
  read: readonly Item[],
  rest: AsyncGenerator<Item, void>,
): AsyncGenerator<Item, void> {
  yield* read
  yield* rest
}
