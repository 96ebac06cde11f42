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
  readonly staging: string
  readonly scratch: string
  /** Where staging and scratch lie. */
  private readonly home: string
  /** Where results go. */
  private target: string
  /** The outermost directory that was made for this one; undefined: it was there. */
  private readonly made: string | undefined
  private committed = false

  private constructor(home: string, made: string | undefined) {
    this.home = home
    this.target = home
    this.staging = join(home, STAGING)
    this.scratch = join(home, SCRATCH)
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

  /** For results that get their name only on the way: see claim. @throws {OutputError} OUTPUT_UNWRITABLE */
  static unnamed(parent = resolve(DEFAULT_PARENT)): Promise<OutputDirectory> {
    return OutputDirectory.reserve(join(parent, `.new-${randomUUID()}`))
  }

  get path(): string {
    return this.target
  }

  /**
   * Gives an unnamed directory its name, or NAME-2, NAME-3, ... where that is taken: the same simulation twice has the
   * same name, and its second run is no mistake.
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  async claim(name: string): Promise<void> {
    const parent = dirname(this.home)
    for (let turn = 1; ; turn++) {
      const path = join(parent, turn === 1 ? name : `${name}-${turn}`)
      if (existsSync(path)) continue
      await attempt(path, () => mkdir(path))
      this.target = path
      return
    }
  }

  /** Moves what was staged to where it belongs. @throws {OutputError} OUTPUT_UNWRITABLE */
  async commit(): Promise<void> {
    const { home, staging, scratch, target } = this
    await attempt(target, async () => {
      for (const name of await readdir(staging)) await rename(join(staging, name), join(target, name))
      await rmdir(staging)
      await rm(scratch, { recursive: true, force: true })
      if (target !== home) await rmdir(home)
    })
    this.committed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.committed) return
    const { home, made, staging, scratch, target } = this
    for (const path of [staging, scratch]) await rm(path, { recursive: true, force: true })
    if (target !== home) await removeEmpty(target, target)
    if (made !== undefined) await removeEmpty(home, made)
  }
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

function notEmpty(path: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_NOT_EMPTY',
    what: `${path} is not empty`,
    hint: 'Remove what lies there, or give --out another directory: results never mix.',
  })
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
