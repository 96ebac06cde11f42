import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const PLAN = '--pruner llm-pruner --ratio 0.25 --blocks 1:4 --recover 3 --rounds 2 --windows 4 --window 64'

it('sites that remove structures have the same root in one process, and a process a peer in a line', async () => {
  const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
  const site = ['--model', fixturePath('stories260k'), '--text', ...texts, '--baselines', 'none']
  const roots = []
  for (const [name, ...how] of [['mesh'], ['line', '--topology', 'line', '--processes']]) {
    const out = join(directory, name)
    const ended = await coppice('simulate', ...PLAN.split(' '), ...site, ...how, '--json', '--out', out)
    assert.equal(ended.exit, 0, ended.stderr)
    roots.push(JSON.parse(ended.stdout).result.root)
  }
  assert.equal(roots[0], roots[1])
})
