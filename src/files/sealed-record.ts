/** A sealed JSON file that may not be there: what a checkpoint is known by. */
import { readFileSync } from 'node:fs'
import { systemCode, unwritable } from '../base/system-errors.ts'
import { unsealJson } from './sealed-json.ts'

/**
 * What sealJson wrote; undefined: there is no file; null: it is not as it was written.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function readSealed(path: string): object | null | undefined {
  try {
    return unsealJson(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unwritable(path, error)
  }
}
