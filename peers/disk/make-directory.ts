/** Directories that are made where they are not there. */
import { mkdir, stat } from 'node:fs/promises'
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
