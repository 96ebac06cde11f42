/** Directories that are made where they are not there. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/**
 * Makes a directory and its parents; returns the outermost that was not there. Not by mkdir's own `recursive`: where
 * nothing can be made (/proc) that tries again for ever.
 * @param mode - of the directory itself, where it is made
 * @throws {OutputError} it cannot be made
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

/** Whether it is there; false also where nothing is. @throws it is something else */
async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
  throw Object.assign(new Error(`${path} is no directory`), { code: 'ENOTDIR' })
}
