import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { createProgram } from '../../scripts/program.ts'
import { Recorder } from '../support/command-line.ts'

/** Command lines of documents, and of the help texts, which users copy first. */
const PAGES = ['README.md', ...globSync('docs/**/*.md', { cwd: PACKAGE_ROOT })]

for (const page of PAGES) {
  const lines = examples(readFileSync(join(PACKAGE_ROOT, page), 'utf8'), /^npx --no-install coppice (.+)$/gm)
  describe(`the command lines of ${page}`, () => {
    for (const line of lines) it(`are understood: ${line.slice(0, 70)}`, () => parses(line))

    if (page === 'README.md') it('are there', () => assert.ok(lines.length >= 6))
  })
}

describe('npm run simulate', () => {
  it('is a command line that is understood', async () => {
    const { scripts } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const [, line] = /^node bin\/coppice\.js (.+)$/.exec(scripts['simulate']) ?? []
    await parses(line)
  })
})

describe('the examples of --help', async () => {
  const stdout = new Recorder()
  for (const command of ['simulate', 'peer', 'resume', 'prune', 'evaluate', 'inspect', 'verify', 'bundle']) {
    const program = createProgram(async () => undefined, { stdout, stderr: new Recorder() })
    await program.parseAsync([command, '--help'], { from: 'user' }).catch(() => undefined)
  }
  for (const line of examples(stdout.text, /^ {2}coppice (.+)$/gm)) it(`are understood: ${line}`, () => parses(line))
})

function examples(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, line]) => line)
}

/** Reads the options as a real run would, and starts nothing. */
async function parses(line: string): Promise<void> {
  let started = 0
  const start = async () => void started++
  const program = createProgram(start, { stdout: new Recorder(), stderr: new Recorder() })
  await program.parseAsync(line.split(' '), { from: 'user' })
  assert.equal(started, 1, line)
}
