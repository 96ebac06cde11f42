/** The directory to which a command writes. It is the command's alone: absent or empty before, complete afterwards. */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { assertFree, claimDirectory, removeEmpty } from '../../peers/disk/free-directory.ts'
import { type DirectoryLock, lockDirectory } from '../../peers/disk/lock.ts'
import { makeDirectory } from '../../peers/disk/make-directory.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { REPORT_PAGE } from '../../src/files/report-page.ts'
import type { Run } from '../command.ts'
import type { Page } from '../report/html/page.ts'
import { REPORT_FILE, sealedReport } from '../report/sealed.ts'

/**
 * The directory for results without --out, in the current directory. Each result gets a directory with its federation's
 * name in it.
 */
export const DEFAULT_PARENT = 'coppice-out'

/**
 * Directory of staged results, inside the output directory itself: a mounted volume can then be the output, and
 * renaming stays within one file system.
 */
const STAGING = '.partial'
/**
 * Directory of temporary files, beside the staged results. They are large, so they are not in a temporary directory
 * that may be memory.
 */
const SCRATCH = '.scratch'
/** The same, if a later command can continue from it. */
const UNFINISHED = '.unfinished'
/** The name that UNFINISHED gets when the results are in place. */
const FINISHED = '.finished'
/**
 * A file in UNFINISHED with the names of results while they are moved to their place. While it exists they do not count
 * as results.
 */
const MOVING_FILE = 'moving.json'

const LOCKED_HINT = 'Another command writes there: wait until it ends, or give --out another directory.'

export interface ReserveOptions {
  /**
   * If given, the command takes over the files that an interrupted command has left. It tells whether scratch is worth
   * keeping at the end.
   */
  worthKeeping?: (scratch: string) => boolean
}

/**
 * An output directory that is reserved before the work, so that hours of work do not fail at the end. Files in
 * `staging` appear at `path` only after commit(). Without commit() everything made here is removed, except scratch that
 * is worth keeping.
 */
export class OutputDirectory implements AsyncDisposable {
  readonly staging: string
  readonly scratch: string
  /** Directory of staging and scratch. */
  private readonly home: string
  /** Directory of the results. */
  private target: string
  /** The outermost directory that was made for this one; undefined: it existed. */
  private readonly made: string | undefined
  private readonly options: ReserveOptions
  /** The lock on scratch that can be taken over: two commands could do so at once. */
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

  /** Reserves a directory. @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE, OUTPUT_LOCKED */
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

  /** Locks the scratch that an earlier command has left, and removes its half-written results. */
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

  /** Reserves a directory for results that get their name later: see claim. @throws {OutputError} OUTPUT_UNWRITABLE */
  static unnamed(parent = resolve(DEFAULT_PARENT)): Promise<OutputDirectory> {
    return OutputDirectory.reserve(join(parent, `.new-${randomUUID()}`))
  }

  get path(): string {
    return this.target
  }

  /**
   * Gives an unnamed directory its name, or NAME-2, ... if that is taken.
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  async claim(name: string): Promise<void> {
    this.target = await claimDirectory(dirname(this.home), name)
  }

  /** Moves the staged results to their place. @throws {OutputError} OUTPUT_UNWRITABLE */
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

  /** Removes scratch. A directory that can be taken over is renamed first, so that nobody continues from half of it. */
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

/**
 * Writes report.html; returns its page when it is on the disk. The results do not depend on it: where it cannot be
 * drawn, that is said, and null is returned.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function writePage(
  { terminal }: Pick<Run, 'terminal'>,
  directory: string,
  pageOf: () => Page,
): Promise<Page | null> {
  const drawn = await drawnPage(pageOf).catch((error) => {
    terminal.note(`${REPORT_PAGE} is not written, because of a bug: ${error}. Everything else is.`)
    return null
  })
  if (drawn === null) return null
  await writeDurably(join(directory, REPORT_PAGE), Buffer.from(drawn.document))
  return drawn.page
}

async function drawnPage(pageOf: () => Page): Promise<{ page: Page; document: string }> {
  const { reportDocument } = await import('../report/html/page.ts') // loads the library of charts
  const page = pageOf()
  return { page, document: reportDocument(page) }
}

/** Writes report.json; returns when it is on the disk. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function writeReport(directory: string, report: object): Promise<void> {
  await writeDurably(join(directory, REPORT_FILE), Buffer.from(sealedReport(report)))
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** The names that a JSON file lists; none if the file is missing or incomplete. */
async function namesIn(path: string): Promise<string[]> {
  try {
    const names: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(names) ? names.map(String) : []
  } catch {
    return []
  }
}
