/** Files that may be links: a link to a file is a file, and one that leads nowhere is said to. */
import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import { systemCode } from '../base/system-errors.ts'

/** What a path leads to; null: nothing, or links that lead to each other. @throws {InputError} MODEL_FILE_UNREADABLE */
export function statOf(path: string): Stats | null {
  try {
    return statSync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null
    throw unreadableFile(path, error)
  }
}

/** A refusal that names the link where `path` is one that leads nowhere; else null. */
export function danglingLink(path: string): InputError | null {
  if (statOf(path) !== null || !isLink(path)) return null
  return new InputError({
    code: 'MODEL_FILE_UNREADABLE',
    what: `${path} is a link to ${readlinkSync(path)}, where nothing can be read`,
    hint: 'Fetch the model again, so that what the link leads to is there; or remove the link.',
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

/** Without links; the path itself where there is nothing. */
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
