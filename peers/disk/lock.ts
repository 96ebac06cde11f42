/**
 * Locks a directory for one process: two processes that sign with one key would vote twice, two that write one result
 * would mix it. The lock is a file with the process id and, where the system tells it, when that process began.
 *
 * It counts only while that process is alive, so a crash leaves no trap: after a restart of a machine or a container
 * the same id is somebody else's, who began at another time.
 */
import { constants, readFileSync, rmSync } from 'node:fs'
import { copyFile, link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/** The name of the lock file in the directory. */
export const LOCK_FILE = 'lock'
/** The number of attempts. A process that finds a stale lock removes it; two processes that race for it try again. */
const ATTEMPTS = 3

/** The errors of file systems that know no hard links: there the file is made first and filled afterwards. */
const NO_LINKS = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

/** Lock files that this very process holds: its own process id in a file proves nothing about them. */
const held = new Set<string>()
/** Lock files that this very process is about to hold. */
const taking = new Set<string>()

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * @param hint - advice to the user if the directory is locked
 * @throws {OutputError} OUTPUT_LOCKED: another running process holds the directory; OUTPUT_UNWRITABLE
 */
export async function lockDirectory(directory: string, hint: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE)
  if (held.has(path) || taking.has(path)) throw locked(directory, process.pid, hint)
  taking.add(path)
  try {
    return await take(directory, path, hint)
  } finally {
    taking.delete(path)
  }
}

async function take(directory: string, path: string, hint: string): Promise<DirectoryLock> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path)) return hold(path)
    const text = await textOf(path)
    if (text === null) continue
    const owner = await ownerOf(text)
    if (owner !== null) throw locked(directory, owner, hint)
    await removeStale(path, text)
  }
  throw locked(directory, null, hint)
}

/** Makes the lock file, which is there with its whole content or not at all; false: it is there already. */
async function create(path: string): Promise<boolean> {
  const own = `${path}.${process.pid}`
  try {
    await writeFile(own, await ownText(), { mode: 0o600, flush: true })
    try {
      await link(own, path).catch((error) => {
        if (!NO_LINKS.includes(systemCode(error) ?? '')) throw error
        return copyFile(own, path, constants.COPYFILE_EXCL)
      })
    } finally {
      await rm(own, { force: true })
    }
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw unwritable(path, error)
  }
}

/**
 * Removes a stale lock file of this content. Who finds it stale may have read it before another process has removed it
 * and made its own: so one process at a time does this, under a lock of its own, and reads it once more.
 */
async function removeStale(path: string, text: string): Promise<void> {
  const guard = `${path}.stale`
  if (!(await create(guard))) {
    const other = await textOf(guard)
    if (other !== null && (await ownerOf(other)) === null) await rm(guard, { force: true })
    return
  }
  try {
    if ((await textOf(path)) === text) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

function hold(path: string): DirectoryLock {
  if (held.size === 0) process.on('exit', releaseAll)
  held.add(path)
  return {
    async release() {
      held.delete(path)
      if (held.size === 0) process.off('exit', releaseAll)
      await rm(path, { force: true })
    },
  }
}

/** Removes the locks of a process that exits without releasing them (an uncaught exception, a second Ctrl-C). */
function releaseAll(): void {
  for (const path of held) {
    try {
      if (Number.parseInt(readFileSync(path, 'utf8'), 10) === process.pid) rmSync(path, { force: true })
    } catch {
      // nothing more can be done while exiting; the next process sees that this one has ended
    }
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
}

/** The living process that a lock file names; null: the lock is stale. */
async function ownerOf(text: string): Promise<number | null> {
  const [id, began] = text.trim().split(' ')
  const pid = Number(id)
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (pid === process.pid) return null // what this process holds is known: another one had its id
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return null
  }
  const now = await statOf(pid)
  if (now === null) return pid
  const isAnother = began !== undefined && began !== now.began
  return now.state === ZOMBIE || isAnother ? null : pid
}

async function ownText(): Promise<string> {
  const began = (await statOf(process.pid))?.began
  return `${process.pid}${began === undefined ? '' : ` ${began}`}\n`
}

/** The state of a process that has ended, until its parent hears of it: in a container without an init it stays. */
const ZOMBIE = 'Z'

/**
 * State and beginning of a process: its clock tick since the machine began, and the name of that beginning. null where
 * the system does not say so: only Linux does.
 */
async function statOf(pid: number): Promise<{ state: string; began: string } | null> {
  const [stat, boot] = await Promise.all(
    [`/proc/${pid}/stat`, '/proc/sys/kernel/random/boot_id'].map((path) => readFile(path, 'utf8').catch(() => null)),
  )
  if (stat === null) return null
  // proc_pid_stat(5): "PID (NAME) STATE ...", the start time is field 22. A name may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0], began: `${fields[19]}@${boot?.trim() ?? ''}` }
}

function locked(directory: string, owner: number | null, hint: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_LOCKED',
    what: `${directory} is in use${owner === null ? '' : ` by process ${owner}`}`,
    hint,
  })
}
