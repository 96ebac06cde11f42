/** The federation of docs/how-to/first-questions.md, pasted into four terminals as it stands. */
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { temporaryDirectory } from '../support/nodes.ts'

/** Time for the founder to show its invitation, on a machine that does other work too. */
const FOUNDING_TRIES = 60
const BETWEEN_TRIES_MS = 1000

test('the lines of the page make one model at four sites', async (context) => {
  const page = readFileSync(join(PACKAGE_ROOT, 'docs/how-to/first-questions.md'), 'utf8')
  const lines = [...page.matchAll(/^```sh\n(.*--data (?:one|two|three|four) .*)\n```$/gm)].map(([, line]) => line)
  assert.equal(lines.length, 4)
  const cwd = await temporaryDirectory(context)
  mkdirSync(join(cwd, 'node_modules', '.bin'), { recursive: true })
  symlinkSync(join(PACKAGE_ROOT, 'bin', 'coppice.js'), join(cwd, 'node_modules', '.bin', 'coppice'))
  const pasted = (line: string) => ended(context, spawn('bash', ['-c', line], { cwd, detached: true }))
  const [first, ...others] = lines
  const founder = pasted(first.replace('/tcp/4001', '/tcp/0')) // another peer may have the port here
  await invited(cwd)
  for (const stdout of await Promise.all([founder, ...others.map(pasted)])) assert.match(stdout, /together \d/)
  const outs = readdirSync(join(cwd, 'coppice-out'))
  const roots = outs.map((name) => JSON.parse(readFileSync(join(cwd, 'coppice-out', name, 'report.json'), 'utf8')).root)
  assert.equal(outs.length, 4)
  assert.equal(new Set(roots).size, 1)
})

/** The output of a command. Processes that it has started end with the test. @throws {AssertionError} it fails */
async function ended(context: TestContext, child: ChildProcessWithoutNullStreams): Promise<string> {
  context.after(() => child.exitCode ?? process.kill(-(child.pid ?? 0), 'SIGKILL'))
  const [stdout, stderr, [exit]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(exit, 0, stderr)
  return stdout
}

/** Waits for the invitation. */
async function invited(cwd: string): Promise<void> {
  for (let left = FOUNDING_TRIES; left > 0; left--) {
    try {
      execFileSync('npx', ['--no-install', 'coppice', 'invitation', 'one'], { cwd, stdio: 'pipe' })
      return
    } catch {
      await setTimeout(BETWEEN_TRIES_MS)
    }
  }
  assert.fail('the founder showed no invitation')
}
