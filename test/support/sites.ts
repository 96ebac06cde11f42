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
  private readonly child: ChildProcessByStdio<null, Readable, Readable>
  private readonly texts = { stdout: '', stderr: '' }
  /** XDG_STATE_HOME: the data directory is in it. */
  readonly state: string
  /** When its output has ended. */
  readonly ended: Promise<Ended>

  /** @param cwd - where coppice-out appears */
  constructor(context: TestContext, cwd: string, ...argv: string[]) {
    this.state = mkdtempSync(join(tmpdir(), 'coppice-state-'))
    const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv, '--yes'], {
      cwd,
      env: { ...process.env, XDG_STATE_HOME: this.state },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk) => (this.texts.stdout += chunk))
    child.stderr.on('data', (chunk) => (this.texts.stderr += chunk))
    context.after(() => {
      child.kill('SIGKILL')
      rmSync(this.state, { recursive: true, force: true })
    })
    this.child = child
    this.ended = once(child, 'close').then(([exit]) => ({ exit, ...this.texts }))
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
