/** README's first block is what the default run prints. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { differences, endOfRun, recordedRun } from '../../scripts/dev/readme-block.ts'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { arithmeticMark } from '../../src/runtime/arithmetic-mark.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

describe('the default run', () => {
  const recorded = recordedRun(readFileSync(join(PACKAGE_ROOT, 'README.md'), 'utf8'))
  let lines: string[] = []
  before(() => {
    const { scripts } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'))
    const [, ...argv] = scripts.simulate.split(' ')
    const out = join(scratch, 'out')
    const stdout = execFileSync(process.execPath, [...argv, '--out', out], { cwd: PACKAGE_ROOT, stdio: 'pipe' })
    lines = endOfRun(stdout.toString(), out)
  })

  it('ends as README shows: words, zeros, bytes, and perplexities within a percent', () => {
    assert.deepEqual(differences(recorded.lines, lines, false), [])
  })

  it('ends in the root that README shows', async (context) => {
    const arithmetic = await arithmeticMark()
    if (arithmetic !== recorded.arithmetic) {
      return context.skip(`this machine's arithmetic has the mark ${arithmetic}, README's ${recorded.arithmetic}`)
    }
    assert.deepEqual(differences(recorded.lines, lines, true), [])
  })
})
