/** The directory that a command writes to. It is the command's alone: absent or empty before, whole afterwards. */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { makeDirectory, writeDurably } from '../../peers/disk/files.ts'
import { assertFree, claimDirectory, removeEmpty } from '../../peers/disk/free-directory.ts'
import { type DirectoryLock, lockDirectory } from '../../peers/disk/lock.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { REPORT_FILE, sealedReport } from '../report/sealed.ts'

/** In the current directory: where results go if --out says nothing, each in a directory of its federation's name. */
export const DEFAULT_PARENT = 'coppice-out'

/** Inside the directory itself: a mounted volume can then be the output, and renaming stays within one file system. */
const STAGING = '.partial'
/** Beside it, for what is only needed on the way: large, so not in a temporary directory that may be memory. */
const SCRATCH = '.scratch'
/** The same where a later command can go on with it. */
const UNFINISHED = '.unfinished'
/** What the latter becomes once the results are in place. */
const FINISHED = '.finished'
/** In UNFINISHED while results are moved to their place: their names. They are not results if it is still there. */
const MOVING_FILE = 'moving.json'

const LOCKED_HINT = 'Another command writes there: wait until it ends, or give --out another directory.'

interface ReserveOptions {
  /** Given: what an interrupted command has left is taken over. Says whether scratch is worth keeping at the end. */
  worthKeeping?: (scratch: string) => boolean
}

/**
 * Reserved before the work, so that hours of it do not end in front of a closed door. What is written to `staging`
 * shows at `path` only after commit(); without, everything made here goes again, but for scratch that is worth keeping.
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
  private readonly options: ReserveOptions
  /** Of what can be taken over, which two commands would do at once. */
  private lock: DirectoryLock | undefined
  private committed = false

  private constructor(home: string, made: string | undefined, options: ReserveOptions) {
    this.home = home
    this.target = home
    this.staging = join(home, STAGING)
    this.scratch = join(home, options.worthKeeping === undefined ? SCRATCH : UNFINISHED)
    this.made = made
    this.options = options
  }

  /** @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE, OUTPUT_LOCKED */
  static async reserve(path: string, options: ReserveOptions = {}): Promise<OutputDirectory> {
    const made = await makeDirectory(path)
    const directory = new OutputDirectory(path, made, options)
    if (options.worthKeeping === undefined) await assertFree(path)
    else await directory.takeOver()
    try {
      for (const name of [directory.staging, directory.scratch])
        await attempt(path, () => mkdir(name, { recursive: true }))
    } catch (error) {
      await directory[Symbol.asyncDispose]()
      throw error
    }
    return directory
  }

  /** Locks what an earlier command has left, and removes of it what is half-written. */
  private async takeOver(): Promise<void> {
    const { home, scratch, staging } = this
    const moving = join(scratch, MOVING_FILE)
    const moved = await namesIn(moving)
    await assertFree(home, STAGING, UNFINISHED, ...moved)
    await attempt(home, () => mkdir(scratch, { recursive: true }))
    this.lock = await lockDirectory(scratch, LOCKED_HINT)
    await attempt(home, async () => {
      await rm(staging, { recursive: true, force: true })
      for (const name of moved) await rm(join(home, name), { recursive: true, force: true })
      await rm(moving, { force: true })
    })
  }

  /** For results that get their name only on the way: see claim. @throws {OutputError} OUTPUT_UNWRITABLE */
  static unnamed(parent = resolve(DEFAULT_PARENT)): Promise<OutputDirectory> {
    return OutputDirectory.reserve(join(parent, `.new-${randomUUID()}`))
  }

  get path(): string {
    return this.target
  }

  /**
   * Gives an unnamed directory its name, or NAME-2, ... where that is taken.
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  async claim(name: string): Promise<void> {
    this.target = await claimDirectory(dirname(this.home), name)
  }

  /** Moves what was staged to where it belongs. @throws {OutputError} OUTPUT_UNWRITABLE */
  async commit(): Promise<void> {
    const { home, staging, scratch, target } = this
    await attempt(target, async () => {
      const names = await readdir(staging)
      if (this.lock !== undefined) await writeDurably(join(scratch, MOVING_FILE), Buffer.from(JSON.stringify(names)))
      for (const name of names) await rename(join(staging, name), join(target, name))
      await rmdir(staging)
      await this.removeScratch()
      if (target !== home) await rmdir(home)
    })
    this.committed = true
  }

  /** What can be taken over loses its name first: nobody goes on with half of it. */
  private async removeScratch(): Promise<void> {
    const { home, lock, scratch } = this
    const doomed = lock === undefined ? scratch : join(home, FINISHED)
    if (doomed !== scratch) await rename(scratch, doomed)
    await rm(doomed, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.committed) await this.abandon()
    await this.lock?.release()
  }

  private async abandon(): Promise<void> {
    const { home, made, options, staging, scratch, target } = this
    await rm(staging, { recursive: true, force: true })
    if (options.worthKeeping?.(scratch)) return
    await rm(scratch, { recursive: true, force: true })
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

/** The names that a file of JSON lists; none where there is no whole one. */
async function namesIn(path: string): Promise<string[]> {
  try {
    const names: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(names) ? names.map(String) : []
  } catch {
    return []
  }
}
