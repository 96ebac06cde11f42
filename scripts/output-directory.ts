/** The directory that a command writes to. It is the command's alone: absent or empty before, whole afterwards. */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeDirectory, unwritable } from '../peers/files.ts'
import { assertFree, claimDirectory, removeEmpty } from '../peers/free-directory.ts'
import { REPORT_FILE, sealedReport } from './report/sealed.ts'

/** In the current directory: where results go if --out says nothing, each in a directory of its federation's name. */
export const DEFAULT_PARENT = 'coppice-out'

/** Inside the directory itself: a mounted volume can then be the output, and renaming stays within one file system. */
const STAGING = '.partial'
/** Beside it, for what is only needed on the way: large, so not in a temporary directory that may be memory. */
const SCRATCH = '.scratch'

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
    const made = await makeDirectory(path)
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

  /** Gives an unnamed directory its name, or NAME-2, ... where that is taken. @throws {OutputError} OUTPUT_UNWRITABLE */
  async claim(name: string): Promise<void> {
    this.target = await claimDirectory(dirname(this.home), name)
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

/** Writes report.json. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function writeReport(directory: string, report: object): Promise<void> {
  const path = join(directory, REPORT_FILE)
  await attempt(path, () => writeFile(path, sealedReport(report)))
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unwritable(path, error)
  }
}
