/**
 * Directories that are the maker's alone: free before, named without collision, gone again where nothing came of it.
 */
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/**
 * Whether results can come to stand here, as far as looking tells: nothing is made.
 * @param own - names in it that may be there
 * @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE
 */
export async function assertFree(path: string, ...own: string[]): Promise<void> {
  let names: string[]
  try {
    names = await readdir(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw unwritable(path, error)
  }
  if (names.every((name) => own.includes(name))) return
  throw new OutputError({
    code: 'OUTPUT_NOT_EMPTY',
    what: `${path} is not empty`,
    hint: 'Remove what lies there, or give --out another directory: results never mix.',
  })
}

/**
 * Makes PARENT/NAME, or NAME-2, NAME-3, ... where that is taken: two sites that work in one directory, or the same
 * simulation twice, have federations of the same name. Whoever makes a directory has it, however many try at once.
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

/** Removes empty directories from `path` upwards to `outermost`; stops at the first that others have filled. */
export async function removeEmpty(path: string, outermost: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') return
  }
  if (path !== outermost) await removeEmpty(dirname(path), outermost)
}
