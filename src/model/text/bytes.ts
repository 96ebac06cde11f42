/** The bytes of a text, read as a stream, and unpacked if they are packed with gzip. */
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { systemCode } from '../../base/system-errors.ts'
import { damagedPacking, type TextFile, unreadableText } from './refusals.ts'

export type TextBytes = AsyncGenerator<Buffer, void>

/**
 * Bytes a read: enough that a read costs little, and little against the memory in which a tokenizer handles as many.
 */
const READ_BYTES = 256 * 1024

/** @throws {InputError} TEXT_MISSING, TEXT_UNREADABLE */
export async function openFile(file: TextFile): Promise<FileHandle> {
  try {
    return await open(file.path)
  } catch (error) {
    throw unreadableText(file, error)
  }
}

/** @throws {InputError} TEXT_UNREADABLE */
export async function* readBytes(file: TextFile, handle: FileHandle): TextBytes {
  for (;;) {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES).catch((error: unknown) => {
      throw unreadableText(file, error)
    })
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * The same bytes, unpacked. All members of a gzip file are read, and each one's checksum is compared.
 * @throws {InputError} TEXT_PACKED
 */
export async function* gunzipped(file: TextFile, packed: TextBytes): TextBytes {
  const gunzip = createGunzip({ chunkSize: READ_BYTES })
  // Errors of both ends come out of the loop below. A loop that is left early closes both ends.
  pipeline(Readable.from(packed), gunzip, () => undefined)
  try {
    yield* gunzip
  } catch (error) {
    throw systemCode(error)?.startsWith('Z_') ? damagedPacking(file, error) : error
  }
}

/** The first `length` bytes of a stream, fewer only if it is shorter, and the whole stream, these included. */
export async function withHead(bytes: TextBytes, length: number): Promise<{ head: Buffer; all: TextBytes }> {
  const read: Buffer[] = []
  for (let size = 0; size < length; size += read[read.length - 1].length) {
    const { value, done } = await bytes.next()
    if (done) break
    read.push(value)
  }
  const first = Buffer.concat(read)
  return { head: first.subarray(0, length), all: again([first], bytes) }
}

/** The items that were read from a stream, and then the rest of it. */
export async function* again<Item>(
  read: readonly Item[],
  rest: AsyncGenerator<Item, void>,
): AsyncGenerator<Item, void> {
  yield* read
  yield* rest
}
