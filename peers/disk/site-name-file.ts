/** The site's name, kept in its data directory, so that it is the same at every start. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { siteNameFault } from '../../protocols/plan/site-name.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'

/** A file in the data directory: UTF-8, one line. */
export const NAME_FILE = 'name'

/** Letters of a derived name: without vowels, so that it is not a word. Four letters give 130,000 names. */
const LETTERS = 'bcdfghjkmnpqrstvwxz'
const DERIVED_LETTERS = 4

/**
 * The name that a data directory holds, or one derived from the site's key.
 * @param given - a name to keep from now on; null: the name stays
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function siteNameOf(directory: string, peerId: Uint8Array, given: string | null): Promise<string> {
  const path = join(directory, NAME_FILE)
  const kept = await readName(path)
  if (given === null || given === kept) return kept ?? derivedName(peerId)
  await writeDurably(path, Buffer.from(`${given}\n`))
  return given
}

/**
 * A name from the key: "site-" and four letters. It is neither the machine's name nor the account's: those may reveal
 * more than a site wants.
 */
export function derivedName(peerId: Uint8Array): string {
  const digest = createHash('sha256').update('coppice/site-name\0').update(peerId).digest()
  return `site-${[...digest.subarray(0, DERIVED_LETTERS)].map((byte) => LETTERS[byte % LETTERS.length]).join('')}`
}

/** The name in the file; null if there is none, or if its name is not allowed any more. */
async function readName(path: string): Promise<string | null> {
  try {
    const name = (await readFile(path, 'utf8')).trimEnd()
    return siteNameFault(name) === null ? name : null
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}
