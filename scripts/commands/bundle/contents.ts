/**
 * The files of an output directory that belong into a bundle. They are listed by name: what else lies there, a key of
 * an older version, a log, a text, stays where it is. No link is followed, so nothing from elsewhere comes in.
 */
import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PLAN_FILE } from '../../../peers/kept/federation.ts'
import { CERTIFICATES_NAME, CONTRIBUTIONS_NAME, MODEL_NAME } from '../../../peers/round/output.ts'
import { InputError } from '../../../src/base/errors.ts'
import { systemCode } from '../../../src/base/system-errors.ts'
import { REPORT_PAGE } from '../../../src/files/report-page.ts'
import { REPORT_FILE } from '../../report/sealed.ts'

/** The files that `verify` cannot do without, by the entry of the output directory in which they lie. */
const NEEDED: Readonly<Record<string, RegExp>> = {
  [PLAN_FILE]: /^plan\.cbor$/,
  [CERTIFICATES_NAME]: /^certificates\/[0-9]+\.cbor$/,
  [CONTRIBUTIONS_NAME]: /^contributions\/[0-9a-f]{64}$/,
  [MODEL_NAME]: /^model(\/[^./][^/]*)+$/,
}
const ALSO = [REPORT_FILE, REPORT_PAGE]

interface Contents {
  /** Paths relative to the directory, with '/'; sorted, so that the same results give the same file. */
  files: string[]
  /** Paths of entries that stay out; a directory stands for all that is in it. */
  left: string[]
}

/** @throws {InputError} BUNDLE_INCOMPLETE: something that `verify` needs is not there, or a directory cannot be read */
export function contentsOf(directory: string): Contents {
  const found: Contents = { files: [], left: [] }
  walk(directory, '', found)
  for (const [name, pattern] of Object.entries(NEEDED))
    if (!found.files.some((file) => pattern.test(file)))
      throw refusal(`${directory} has no ${name}, without which nobody can verify a bundle of it`)
  return { files: found.files.sort(), left: found.left.sort() }
}

function walk(directory: string, prefix: string, found: Contents): void {
  for (const entry of entriesOf(join(directory, prefix))) {
    const path = `${prefix}${entry.name}`
    if (entry.isFile() && belongs(path)) found.files.push(path)
    else if (entry.isDirectory() && Object.hasOwn(NEEDED, path.split('/')[0]) && !entry.name.startsWith('.'))
      walk(directory, `${path}/`, found)
    else found.left.push(path)
  }
}

function belongs(path: string): boolean {
  return ALSO.includes(path) || (NEEDED[path.split('/')[0]]?.test(path) ?? false)
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    throw refusal(`${folder} cannot be read (${systemCode(error) ?? error})`, error)
  }
}

function refusal(what: string, cause?: unknown): InputError {
  return new InputError({
    code: 'BUNDLE_INCOMPLETE',
    what,
    hint: 'Give the output directory of peer, join or simulate, after the command has ended.',
    cause,
  })
}
