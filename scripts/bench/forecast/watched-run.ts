/** Runs a command of Coppice in a process of its own, and watches it from outside: time, memory, disk, its forecast. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

/** A line of progress, and when it was written. */
export interface ToldLeft {
  /** Seconds since the command began. */
  at: number
  /** Seconds that it said were left. */
  left: number
}

export interface WatchedRun {
  seconds: number
  /** Resident bytes of all its processes together, at most. */
  residentBytes: number
  /** Bytes of the watched directory, at most. */
  diskBytes: number
  /** All forecasts of the line of progress. */
  told: ToldLeft[]
  /** The one object of --json. */
  report: unknown
}

const LOOK_MS = 200

/**
 * @param args - of the command; --json is added
 * @param directory - whose size is watched; it need not be there
 */
export async function watchedRun(args: readonly string[], directory: string): Promise<WatchedRun> {
  const program = join(import.meta.dirname, 'on-a-terminal.ts')
  const begun = performance.now()
  const since = () => (performance.now() - begun) / 1000
  const child = spawn(process.execPath, [program, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const told: ToldLeft[] = []
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    words = (words + piece).slice(-4096)
    const left = leftOf(piece)
    if (left !== null) told.push({ at: since(), left })
  })
  const ended = Promise.all([text(child.stdout), once(child, 'exit')])
  let isRunning = true
  void ended.finally(() => (isRunning = false)).catch(() => undefined)
  let [residentBytes, diskBytes] = [0, 0]
  while (isRunning) {
    residentBytes = Math.max(residentBytes, residentOf(child.pid ?? 0))
    diskBytes = Math.max(diskBytes, sizeOf(directory))
    await pause(LOOK_MS)
  }
  const [output, [code]] = await ended
  if (code !== 0) throw new Error(`coppice ${args[0]} ended with ${code}: ${words}`)
  return { seconds: since(), residentBytes, diskBytes, told, report: JSON.parse(output) }
}

/** "… · 41 % · 1 min 40 s left" -> 100; null: no forecast. The last one of a piece counts. */
function leftOf(piece: string): number | null {
  const found = [...piece.matchAll(/ % · (?:(\d+) h )?(?:(\d+) min)? ?(?:(\d+) s)? ?left/g)].at(-1)
  if (found === undefined) return null
  const [hours, minutes, seconds] = found.slice(1).map((digits) => Number(digits ?? 0))
  return 3600 * hours + 60 * minutes + seconds
}

/** Resident bytes of a process and all processes that it has started; Linux alone tells. */
function residentOf(root: number): number {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = quietly(() => readFileSync(`/proc/${name}/stat`, 'utf8'), '')
    const parent = /\) \S (\d+)/.exec(stat)?.[1]
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  let sum = 0
  for (const pid of parents.keys()) {
    let ancestor: number | undefined = pid
    while (ancestor !== undefined && ancestor !== root) ancestor = parents.get(ancestor)
    if (ancestor !== root) continue
    const status = quietly(() => readFileSync(`/proc/${pid}/status`, 'utf8'), '')
    sum += 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
  }
  return sum
}

/** Bytes of all files below a directory. */
function sizeOf(directory: string): number {
  const names = quietly(() => readdirSync(directory, { recursive: true, encoding: 'utf8' }), [])
  const sizes = names.map((name) => quietly(() => statSync(join(directory, name)), null))
  const files = new Map(sizes.flatMap((stat) => (stat?.isFile() ? [[stat.ino, stat.size]] : [])))
  return [...files.values()].reduce((sum, size) => sum + size, 0)
}

/** Processes and files come and go while one looks. */
function quietly<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}
