/** Sites as people start them: a process each, told apart by what they print. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import type { Ended } from './command-line.ts'

/** A command line in a process of its own: a site with a data directory of its own, that nobody is asked for. */
export class SiteProcess {
  private child: ChildProcessByStdio<null, Readable, Readable>
  private texts = { stdout: '', stderr: '' }
  private readonly site: { context: TestContext; cwd: string; state: string }
  /** When its output has ended. */
  ended: Promise<Ended>

  /** @param cwd - where coppice-out appears */
  constructor(context: TestContext, cwd: string, ...argv: string[]) {
    this.site = { context, cwd, state: mkdtempSync(join(tmpdir(), 'coppice-state-')) }
    context.after(() => rmSync(this.state, { recursive: true, force: true }))
    this.child = this.begin([...argv, '--yes'])
    this.ended = this.endOf(this.child)
  }

  /** XDG_STATE_HOME: the data directory is in it. */
  get state(): string {
    return this.site.state
  }

  /** Kills it as a power cut would, and starts it again: with the same command line, or with another one. */
  async killedAndBack(...argv: string[]): Promise<void> {
    await this.stop('SIGKILL')
    this.child = this.begin(argv.length > 0 ? argv : this.child.spawnargs.slice(2))
    this.ended = this.endOf(this.child)
  }

  private begin(argv: string[]): ChildProcessByStdio<null, Readable, Readable> {
    const { context, cwd, state } = this.site
    const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv], {
      cwd,
      env: { ...process.env, XDG_STATE_HOME: state },
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
    const [, address] = await this.said('stdout', /^npx --no-install coppice join (\S+)$/m)
    return address
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

  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}

/** A text of enough windows for a small plan, another for each site. */
export function siteText(directory: string, site: number): string {
  const path = join(directory, `site-${site}.txt`)
  const words = ['wood', 'tree', 'river', 'stone', 'cloud', 'field', 'bird', 'road']
  const word = (i: number) => words[(i * (site + 3) + ((i * i) % 7)) % words.length]
  writeFileSync(path, Array.from({ length: 2000 }, (_, i) => word(i)).join(' '))
  return path
}
