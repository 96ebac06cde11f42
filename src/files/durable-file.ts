/**
 * Writes files durably: under another name first, and on the disk before they get their own name. So no file is half
 * written.
 */
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode, unwritable } from '../base/system-errors.ts'

/** The most bytes of one write: enough that system calls cost little, and below the 2 GiB that one call takes. */
export const PIECE_BYTES = 2 ** 24

/** A file that is being written. */
export class DurableFile {
  private readonly part: string
  private readonly told: string
  private readonly handle: FileHandle

  private constructor(part: string, told: string, handle: FileHandle) {
    this.part = part
    this.told = told
    this.handle = handle
  }

  /**
   * @param part - the name of the file until it is whole; a file of that name is replaced
   * @param told - the name for error messages
   * @param keep - the number of bytes of that file that are kept, at its beginning; default: none
   * @throws {OutputError} OUTPUT_UNWRITABLE, as all of these do
   */
  static async begin(part: string, { mode = 0o644, told = part, keep = 0 } = {}): Promise<DurableFile> {
    try {
      const file = new DurableFile(part, told, await open(part, keep === 0 ? 'w' : 'a', mode))
      if (keep > 0) await file.handle.truncate(keep)
      return file
    } catch (error) {
      throw unwritable(told, error)
    }
  }

  async write(bytes: ArrayBufferView): Promise<void> {
    try {
      for (const piece of pieces([bytes]))
        for (let at = 0; at < piece.length; ) at += (await this.handle.write(piece, at)).bytesWritten
    } catch (error) {
      throw unwritable(this.told, error)
    }
  }

  /** Gives the file its name: fsync, rename, fsync of the directory. */
  async commit(path: string): Promise<void> {
    try {
      await this.handle.sync()
      await this.handle.close()
      await rename(this.part, path)
      await syncDirectory(dirname(path))
    } catch (error) {
      throw unwritable(this.told, error)
    }
  }

  /** Ends the writing. The bytes stay under the name that the file has until it is whole. */
  async leave(): Promise<void> {
    await this.handle.close() // again where it is closed, which does no harm
  }

  async discard(): Promise<void> {
    await this.leave()
    await rm(this.part, { force: true })
  }
}

/** The name of a file that `writeAll` writes, until it is whole. */
const BEGUN = /\.\d+\.part$/

/**
 * Removes the files that killed processes had begun to write in a directory, if there is one, at any depth: a later
 * process has another id, so it does not replace them. Call it where no other process writes.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function removeBegun(directory: string): Promise<void> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    for (const { name, parentPath } of entries) {
      if (BEGUN.test(name)) await rm(join(parentPath, name), { force: true })
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw unwritable(directory, error)
  }
}

/** Writes a file of these bytes. @throws {OutputError} OUTPUT_UNWRITABLE; the unfinished file is removed then */
export async function writeDurably(path: string, bytes: ArrayBufferView, mode?: number): Promise<void> {
  await writeAll(path, [bytes], mode)
}

/** Writes a file of all these chunks. @throws {OutputError} OUTPUT_UNWRITABLE; the unfinished file is removed then */
export async function writeAll(path: string, views: Iterable<ArrayBufferView>, mode?: number): Promise<void> {
  // Another process may write the same.
  const file = await DurableFile.begin(`${path}.${process.pid}.part`, { mode, told: path })
  try {
    for (const view of views) await file.write(view)
    await file.commit(path)
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** Gives a file a second name, or copies it if the file system has no hard links. @throws {OutputError} */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch {
    await copyDurably(from, to).catch((error) => {
      throw unwritable(to, error)
    })
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  await using handle = await open(to, 'r+')
  await handle.sync()
}

/** Makes the names in a directory survive a power cut; directories cannot be synced on every system. */
export async function syncDirectory(path: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, constants.O_RDONLY)
    await handle.sync()
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EISDIR' && code !== 'EPERM' && code !== 'EINVAL') throw error
  } finally {
    await handle?.close()
  }
}

/** Bytes of views, without copying. */
export function* pieces(views: Iterable<ArrayBufferView>): Generator<Uint8Array<ArrayBufferLike>> {
  for (const { buffer, byteOffset, byteLength } of views) {
    for (let at = 0; at < byteLength; at += PIECE_BYTES)
      yield new Uint8Array(buffer, byteOffset + at, Math.min(PIECE_BYTES, byteLength - at))
  }
}
