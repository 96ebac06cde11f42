/** The directory that a command writes to. It is the command's alone: absent or empty before, whole afterwards. */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { OutputError } from '../src/errors.ts'

/** In the current directory: where results go if --out says nothing, each in a directory of its federation's name. */
export const DEFAULT_PARENT = 'coppice-out'

/** Inside the directory itself: a mounted volume can then be the output, and renaming stays within one file system. */
const STAGING = '.partial'
/** Beside it, for what is only needed on the way: large, so not in a temporary directory that may be memory. */
const SCRATCH = '.scratch'

/** @param id8 - the first 8 hexadecimal digits of the federation's id */
export function outputPath(out: string | null, id8: string): string {
  return out ?? resolve(DEFAULT_PARENT, id8)
}

/**
 * Whether results can come to stand here, as far as looking tells: nothing is made.
 * @param own - a name in it that may be there
 * @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE
 */
export async function assertFree(path: string, own?: string): Promise<void> {
  if (!existsSync(path)) return
  const entries = await attempt(path, () => readdir(path))
  if (entries.some((name) => name !== own)) throw notEmpty(path)
}

/**
 * Reserved before the work, so that hours of it do not end in front of a closed door. What is written to `staging`
 * shows at `path` only after commit(); without, everything made here goes again.
 */
export class OutputDirectory implements AsyncDisposable {
  readonly path: string
  readonly staging: string
  readonly scratch: string
  /** The outermost directory that was made for this one; undefined: it was there. */
  private readonly made: string | undefined
  private committed = false

  private constructor(path: string, made: string | undefined) {
    this.path = path
    this.staging = join(path, STAGING)
    this.scratch = join(path, SCRATCH)
    this.made = made
  }

  /** @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE */
  static async reserve(path: string): Promise<OutputDirectory> {
    const made = await attempt(path, () => mkdir(path, { recursive: true }))
    await assertFree(path)
    const directory = new OutputDirectory(path, made)
    try {
      for (const name of [directory.staging, directory.scratch]) await attempt(path, () => mkdir(name))
    } catch (error) {
      await directory[Symbol.asyncDispose]()
      throw error
    }
    return directory
  }

  /** For results whose directory gets its name only on the way: see commit. */
  static unnamed(): Promise<OutputDirectory> {
    return OutputDirectory.reserve(resolve(DEFAULT_PARENT, `.new-${randomUUID()}`))
  }

  /**
   * Moves what was staged to where it belongs: here, or into a directory beside this one.
   * @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE
   */
  async commit(path = this.path): Promise<void> {
    if (path !== this.path) await assertFree(path)
    await attempt(path, async () => {
      await mkdir(path, { recursive: true })
      for (const name of await readdir(this.staging)) await rename(join(this.staging, name), join(path, name))
      await rmdir(this.staging)
      await rm(this.scratch, { recursive: true, force: true })
      if (path !== this.path) await rmdir(this.path)
    })
    this.committed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.committed) return
    for (const name of [this.staging, this.scratch]) await rm(name, { recursive: true, force: true })
    if (this.made !== undefined) await removeEmpty(this.path, this.made)
  }
}

function notEmpty(path: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_NOT_EMPTY',
    what: `${path} is not empty`,
    hint: 'Remove what lies there, or give --out another directory: results never mix.',
  })
}

/** Writes a report for people and programs alike: JSON with line breaks. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function writeReport(directory: string, report: object): Promise<void> {
  const path = join(directory, 'report.json')
  await attempt(path, () => writeFile(path, `${JSON.stringify(report, null, 2)}\n`))
}

/** Removes empty directories from `path` upwards to `outermost`; stops at the first that others have filled. */
async function removeEmpty(path: string, outermost: string): Promise<void> {
  try {
    await rmdir(path)
  } catch {
    return
  }
  if (path !== outermost) await removeEmpty(dirname(path), outermost)
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new OutputError({
      code: 'OUTPUT_UNWRITABLE',
      what: `${path} cannot be written (${code})`,
      hint: 'Choose a directory that this user may write to and that has space left.',
      cause,
    })
  }
}
