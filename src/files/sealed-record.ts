/** A sealed JSON file that may not be there. */
import { readFileSync } from 'node:fs'
import { systemCode, unwritable } from '../base/system-errors.ts'
import { writeDurably } from './durable-file.ts'
import { sealJson, unsealJson } from './sealed-json.ts'

/** Writes the file, or replaces it. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function storeSealed(path: string, value: object): Promise<void> {
  await writeDurably(path, Buffer.from(sealJson(value)))
}

/**
 * The value that storeSealed wrote; undefined: there is no file; null: the file is damaged.
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
