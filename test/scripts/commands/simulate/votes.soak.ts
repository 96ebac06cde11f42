import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

for (const pruner of ['sparsegpt', 'wanda', 'magnitude']) {
  test(`votes on weights give the same root masked as open: ${pruner}`, async (context) => {
    const directory = await temporaryDirectory(context)
    const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
    const plan = `--pruner ${pruner} --rounds 1 --windows 2 --window 64 --eval-tokens 128 --baselines none --json`
    const simulated = async (name: string, ...more: string[]) => {
      const site = ['--model', fixturePath('stories260k'), '--text', ...texts, '--out', join(directory, name)]
      const { exit, stdout, stderr } = await coppice('simulate', ...site, ...plan.split(' '), ...more)
      assert.equal(exit, 0, stderr)
      return JSON.parse(stdout)
    }
    const open = await simulated('open')
    const masked = await simulated('masked', '--masked', '--sample', '0.5')
    assert.equal(masked.plan.masked, true)
    assert.equal(masked.result.root, open.result.root)
    const moved = masked.rounds.map(({ maskChange }: { maskChange: number }) => maskChange > 0)
    assert.deepEqual(moved, [false, false, false, true])
  })
}
