/** Files that hold secrets: only their owner may read and write them. */
import { readFile, stat } from 'node:fs/promises'
import { OutputError } from '../base/errors.ts'
import { systemCode, unwritable } from '../base/system-errors.ts'

/** The permissions of such a file. */
export const PRIVATE_FILE_MODE = 0o600
/** Permissions of all other accounts. */
const OTHERS = 0o077

/** The refusal of a file that others may read. @param mode - its permissions, octal */
type OpenToOthers = (mode: string) => OutputError

/**
 * The bytes of a private file; null: there is none. A file that is longer than it may be is something else: it gives no
 * bytes.
 * @throws {OutputError} as `openToOthers` makes it; OUTPUT_UNWRITABLE
 */
export async function readPrivate(
  path: string,
  maxBytes: number,
  openToOthers: OpenToOthers,
): Promise<Uint8Array | null> {
  try {
    const { mode, size } = await stat(path)
    // Windows has no such permissions; a user's folder is closed there anyway.
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) throw openToOthers((mode & 0o777).toString(8))
    return size > maxBytes ? new Uint8Array() : new Uint8Array(await readFile(path))
  } catch (error) {
    if (error instanceof OutputError) throw error
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}
