/**
 * Locks a directory for one process: two processes that sign with one key would vote twice, two that write one result
 * would mix it. The lock is a file that holds the process id and, where the system tells it, when that process began,
 * made with O_EXCL. It counts only while that process is alive, so a crash leaves no trap: after a restart of a machine
 * or a container the same id is somebody else's, who began at another time.
 */
import { readFileSync, rmSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OutputError } from '../../src/base/errors.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'

/** The name of the lock file in the directory. */
export const LOCK_FILE = 'lock'
/** The number of attempts. A process that finds a stale lock removes it; two processes that race for it try again. */
const ATTEMPTS = 3

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
    const owner = await ownerOf(path)
    if (owner !== null) throw locked(directory, owner, hint)
    await rm(path, { force: true })
  }
  throw locked(directory, null, hint)
}

async function create(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600)
    try {
      await handle.writeFile(await ownText())
      await handle.sync()
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw unwritable(path, error)
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

/** The living process that holds a lock file; null if the lock is stale or has just been removed. */
async function ownerOf(path: string): Promise<number | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null
    throw unwritable(path, error)
  }
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
