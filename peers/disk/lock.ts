/**
 * Locks a directory for one process: two processes that sign with one key would vote twice, two that write one result
 * would mix it. The lock is a file that holds the process id, made with O_EXCL. It counts only while that process is
 * alive, so a crash leaves no trap.
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

export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * @param hint - advice to the user if the directory is locked
 * @throws {OutputError} OUTPUT_LOCKED: another running process holds the directory; OUTPUT_UNWRITABLE
 */
export async function lockDirectory(directory: string, hint: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE)
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
      await handle.writeFile(`${process.pid}\n`)
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
      if (readFileSync(path, 'utf8').trim() === String(process.pid)) rmSync(path, { force: true })
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
  const pid = Number(text.trim())
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (pid === process.pid) return held.has(path) ? pid : null
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (systemCode(error) !== 'EPERM') return null
  }
  return (await isZombie(pid)) ? null : pid
}

/**
 * Whether a process has ended and its parent has not been told: in a container without an init it stays in that state.
 */
async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') // only on Linux: "PID (NAME) STATE ..."
  return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z'
}

function locked(directory: string, owner: number | null, hint: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_LOCKED',
    what: `${directory} is in use${owner === null ? '' : ` by process ${owner}`}`,
    hint,
  })
}
