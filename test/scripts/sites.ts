/** Sites as people start them: a process each, told apart by what they print. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import type { Ended } from './command-line.ts'

/** A command line in a process of its own. */
export class SiteProcess {
  private readonly child: ChildProcessByStdio<null, Readable, Readable>
  private readonly texts = { stdout: '', stderr: '' }
  /** When its output has ended. */
  readonly ended: Promise<Ended>

  /** @param cwd - where coppice-out appears */
  constructor(context: TestContext, cwd: string, ...argv: string[]) {
    const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.on('data', (chunk) => (this.texts.stdout += chunk))
    child.stderr.on('data', (chunk) => (this.texts.stderr += chunk))
    context.after(() => child.kill('SIGKILL'))
    this.child = child
    this.ended = once(child, 'close').then(([exit]) => ({ exit, ...this.texts }))
  }

  /** The line to paste, without the program's name. */
  async invitation(): Promise<string> {
    for (;;) {
      const line = /^npx coppice join (\S+)$/m.exec(this.texts.stdout)
      if (line !== null) return line[1]
      const over = await Promise.race([once(this.child.stdout, 'data').then(() => false), this.ended])
      if (over) throw new Error(`no invitation: ${this.texts.stderr}`)
    }
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
