import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { createProgram } from '../../scripts/program.ts'
import { EXIT } from '../../src/base/errors.ts'
import { Recorder } from '../support/command-line.ts'
import { COMMAND, setting, startLine, UNIT } from '../support/installed/unit.ts'
import { temporaryDirectory } from '../support/nodes.ts'

/** 128 and the number of SIGTERM. */
const STOPPED = 143
const PAGE = readFileSync(join(PACKAGE_ROOT, 'docs', 'how-to', 'deploy.md'), 'utf8')

describe('coppice@.service', () => {
  it('is a unit that systemd takes', async (context) => {
    const directory = await temporaryDirectory(context)
    const path = join(directory, 'coppice@north.service')
    // It would refuse a command that is not installed here.
    writeFileSync(path, readFileSync(UNIT, 'utf8').replaceAll(COMMAND, process.execPath))
    const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })
    if (error !== undefined) return context.skip('needs systemd-analyze')
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  })

  it('starts a command line that is understood, with the data directory of its site', async () => {
    assert.deepEqual(startLine('north'), ['resume', '/var/lib/coppice/north/data'])
    let started = 0
    const streams = { stdout: new Recorder(), stderr: new Recorder() }
    await createProgram(async () => void started++, streams).parseAsync(startLine('north'), { from: 'user' })
    assert.equal(started, 1)
  })

  it('stops the peer alone, so that it can finish what its processes compute', () => {
    assert.equal(setting('KillMode'), 'mixed')
    assert.equal(setting('KillSignal'), 'SIGTERM')
  })

  it('starts again after the exit codes of which docs/how-to/deploy.md says so, and after no others', () => {
    assert.equal(setting('Restart'), 'on-failure')
    const never = setting('RestartPreventExitStatus').split(' ').map(Number)
    const good = [EXIT.done, ...setting('SuccessExitStatus').split(' ').map(Number)]
    const rows = [...PAGE.matchAll(/^\| (\d+) +\| .*? \| (yes|no)\b/gm)].map(([, exit, again]) => [Number(exit), again])
    assert.deepEqual(
      new Set(rows.map(([exit]) => exit)),
      new Set([...Object.values(EXIT), STOPPED]),
      'the page has each exit code',
    )
    for (const [exit, again] of rows) {
      const isEnd = never.includes(Number(exit)) || good.includes(Number(exit))
      assert.equal(again, isEnd ? 'no' : 'yes', `exit ${exit}`)
    }
  })

  it('never starts again a peer whose key is used elsewhere, or that holds another result', () => {
    const never = setting('RestartPreventExitStatus').split(' ').map(Number)
    for (const exit of [EXIT.output, EXIT.diverged, EXIT.refused, EXIT.usage]) assert.ok(never.includes(exit))
  })
})
