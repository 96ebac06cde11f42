/** Files that may be links. A link to a file counts as that file, and a broken link is refused by name. */
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import { systemCode } from '../base/system-errors.ts'

/**
 * The file or directory that a path leads to; null: nothing, or links that lead to each other.
 * @throws {InputError} MODEL_FILE_UNREADABLE
 */
export function statOf(path: string): Stats | null {
  try {
    return statSync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null
    throw unreadableFile(path, error)
  }
}

/** The refusal of a broken link; null if `path` is no broken link. */
export function danglingLink(path: string): InputError | null {
  if (statOf(path) !== null || !isLink(path)) return null
  return new InputError({
    code: 'MODEL_FILE_UNREADABLE',
    what: `${path} is a link to ${readlinkSync(path)}, where nothing can be read`,
    hint: 'Fetch the model again, so that the file that the link names is there; or remove the link.',
  })
}

export function unreadableFile(path: string, error: unknown): InputError {
  return new InputError({
    code: 'MODEL_FILE_UNREADABLE',
    what: `${path} cannot be read (${systemCode(error) ?? String(error)})`,
    hint: 'Make the files of the model readable for this user, or copy the model to where they are.',
    cause: error,
  })
}

/** The path with all links resolved; the path itself if nothing is there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}
