/** Helpers for everything that writes: directories, durable files. */
import { constants } from 'node:fs'
import { copyFile, type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/**
 * Makes a directory and its parents; returns the outermost one that did not exist. mkdir's own `recursive` is not used:
 * where nothing can be made (/proc) it tries for ever.
 * @param mode - permissions of the directory itself, if it is made
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<string | undefined> {
  try {
    const missing: string[] = []
    for (let at = path; !(await isDirectory(at)); at = dirname(at)) missing.unshift(at)
    for (const directory of missing) {
      await mkdir(directory, directory === path ? mode : 0o777).catch((error) => {
        if (systemCode(error) !== 'EEXIST') throw error // another process was faster
      })
    }
    return missing[0]
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** Whether a directory is there; false if nothing is. @throws {Error} ENOTDIR: something else is there */
async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
  throw Object.assign(new Error(`${path} is no directory`), { code: 'ENOTDIR' })
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

/**
 * Writes a file so that its name never belongs to an incomplete file: temporary file, fsync, rename, fsync of the
 * directory.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function writeDurably(path: string, bytes: Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const handle = await open(temporary, 'w', mode)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true })
    throw unwritable(path, error)
  }
}

/** The same bytes under a second name; a copy where the file system has no such thing. @throws {OutputError} */
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
