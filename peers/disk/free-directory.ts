/**
 * Directories that belong to their maker alone: empty before, named without collision, removed again if no results were
 * made.
 */
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/**
 * Checks that a directory is absent or empty; makes nothing.
 * @param own - names that may be in it, and patterns of them
 * @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE
 */
export async function assertFree(path: string, ...own: Array<string | RegExp>): Promise<void> {
  let names: string[]
  try {
    names = await readdir(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw unwritable(path, error)
  }
  const isOwn = (name: string) => own.some((mine) => (typeof mine === 'string' ? mine === name : mine.test(name)))
  if (names.every(isOwn)) return
  throw new OutputError({
    code: 'OUTPUT_NOT_EMPTY',
    what: `${path} is not empty`,
    hint: 'Remove what lies there, or give --out another directory: results never mix.',
  })
}

/**
 * Makes PARENT/NAME, or NAME-2, NAME-3, ... if that is taken: two sites that work in one directory, or the same
 * simulation twice, have federations of the same name. A directory belongs to whoever makes it, however many try at
 * once.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function claimDirectory(parent: string, name: string): Promise<string> {
  for (let turn = 1; ; turn++) {
    const path = join(parent, turn === 1 ? name : `${name}-${turn}`)
    try {
      await mkdir(path)
      return path
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw unwritable(path, error)
    }
  }
}

/** Removes empty directories from `path` upwards to `outermost`; stops at the first that is not empty. */
export async function removeEmpty(path: string, outermost: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') return
  }
  if (path !== outermost) await removeEmpty(dirname(path), outermost)
}
