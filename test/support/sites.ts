/** Sites as people start them: a process each, told apart by what they print. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { askPeer } from '../../peers/status/socket.ts'
import type { Invited } from '../../peers/status/status-book.ts'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import type { Ended } from './command-line.ts'

/** The file of the deeds of a watched site, beside its data directory. */
const DEEDS_NAME = 'deeds'
/** Where a site listens whose command line says nothing of it: many run on one machine. */
const ANY_PORT = '/ip4/0.0.0.0/tcp/0'
/** The last deeds, as many as a message shows. */
const TOLD_DEEDS = 100

interface Place {
  cwd: string
  /** The deed at which it is killed (see deeds.ts), null: none of them. Then it writes down all of them. */
  killAt?: string | null
  /** The beginning of the command line: ip netns exec NAME. */
  within?: string[]
}

/** A command line in a process of its own: a site with a data directory of its own, that nobody is asked for. */
export class SiteProcess {
  private child: ChildProcessByStdio<null, Readable, Readable>
  private texts = { stdout: '', stderr: '' }
  /** Its command line. */
  argv: string[] = []
  private killAt: string | null = null
  private readonly site: { context: TestContext; cwd: string; within: string[]; state: string; isWatched: boolean }
  /** When its output has ended. */
  ended: Promise<Ended>

  /**
   * @param place - where coppice-out appears; or more of it
   */
  constructor(context: TestContext, place: string | Place, ...argv: string[]) {
    const { cwd, killAt, within = [] } = typeof place === 'object' ? place : { cwd: place }
    const isWatched = killAt !== undefined
    this.site = { context, cwd, within, state: mkdtempSync(join(tmpdir(), 'coppice-state-')), isWatched }
    context.after(() => rmSync(this.state, { recursive: true, force: true }))
    this.child = this.begin([...argv, '--yes'], killAt ?? null)
    this.ended = this.endOf(this.child)
  }

  /** The deeds of all its processes on their files, in order, after the process ids. */
  deeds(): string[] {
    const lines = readFileSync(join(this.state, DEEDS_NAME), 'utf8').trim().split('\n')
    return lines.map((line) => line.slice(line.indexOf(' ') + 1))
  }

  /** Waits until it has been killed at its deed. */
  async killed(): Promise<void> {
    const { exit, stderr } = await this.ended
    if (this.child.signalCode === 'SIGKILL') return
    const deeds = this.deeds().slice(-TOLD_DEEDS).join('\n')
    throw new Error(`not killed at "${this.killAt}", but ended with ${exit}:\n${stderr}\n${deeds}`)
  }

  /** Starts it again after its end: with the same command line, or with another one. */
  again(killAt: string | null, ...argv: string[]): void {
    this.child = this.begin(argv.length > 0 ? argv : this.argv, killAt)
    this.ended = this.endOf(this.child)
  }

  /** XDG_STATE_HOME: the data directory is in it. */
  get state(): string {
    return this.site.state
  }

  /** Kills it as a power cut would, and starts it again: with the same command line, or with another one. */
  async killedAndBack(...argv: string[]): Promise<void> {
    await this.stop('SIGKILL')
    this.again(null, ...argv)
  }

  private begin(argv: string[], killAt: string | null): ChildProcessByStdio<null, Readable, Readable> {
    this.argv = argv
    this.killAt = killAt
    const { context, cwd, isWatched, state, within } = this.site
    const watching = isWatched ? ['--import', import.meta.resolve('./faults/deeds.ts')] : []
    const program = [...within, process.execPath, ...watching, join(PACKAGE_ROOT, 'bin', 'coppice.js')]
    const child = spawn(program[0], [...program.slice(1), ...argv], {
      cwd,
      env: {
        ...process.env,
        XDG_STATE_HOME: state,
        ...(!argv.includes('--config') && { COPPICE_LISTEN: ANY_PORT }),
        ...(isWatched && { COPPICE_DEEDS: join(state, DEEDS_NAME) }),
        ...(killAt !== null && { COPPICE_KILL_AT: killAt }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.texts = { stdout: '', stderr: '' }
    const { texts } = this
    child.stdout.on('data', (chunk) => (texts.stdout += chunk))
    child.stderr.on('data', (chunk) => (texts.stderr += chunk))
    context.after(() => child.kill('SIGKILL'))
    return child
  }

  private endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
    const { texts } = this
    return once(child, 'close').then(([exit]) => ({ exit, ...texts }))
  }

  /** The address of the line to paste. */
  async invitation(): Promise<string> {
    const stream = this.argv.includes('--json') ? 'stderr' : 'stdout'
    const [, data] = await this.said(stream, /^The invitation is written into no log\. To see it: .* --data (\S+)$/m)
    const { invitation } = (await askPeer(data, 'invitation')) as Invited
    if (invitation === null) throw new Error(`nobody is invited:\n${this.texts.stderr}`)
    return invitation
  }

  /** Resolves when it has written this. */
  async said(stream: 'stdout' | 'stderr', wanted: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = wanted.exec(this.texts[stream])
      if (match !== null) return match
      const over = await Promise.race([once(this.child[stream], 'data').then(() => false), this.ended])
      if (over) throw new Error(`not said: ${wanted}\n${this.texts.stderr}`)
    }
  }

  /** The memory that it and the processes that it has started take now; 0 where there is no /proc. */
  residentBytes(): number {
    const { pid } = this.child
    if (!existsSync(`/proc/${pid}/smaps_rollup`)) return 0
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return [pid, ...children].reduce((sum: number, each) => sum + residentBytesOf(Number(each)), 0)
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended> {
    this.signal(signal)
    return this.ended
  }
}

function residentBytesOf(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0 // it has just ended
  }
}

/** A text of enough windows for a small plan, another for each site. */
export function siteText(directory: string, site: number): string {
  const path = join(directory, `site-${site}.txt`)
  const words = ['wood', 'tree', 'river', 'stone', 'cloud', 'field', 'bird', 'road']
  const period = 7 + Math.floor(site / words.length)
  const word = (i: number) => words[(i * (site + 3) + ((i * i) % period)) % words.length]
  writeFileSync(path, Array.from({ length: 2000 }, (_, i) => word(i)).join(' '))
  return path
}
