import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const COMMAND =
  'simulate --pruner wanda --windows 2 --window 64 --sample 0.5 --rounds 2 --eval-tokens 128 --eval-window 64 --json'

test('a simulation has the same root in one process and with a process a peer, in a mesh and in a star', async (context) => {
  const directory = await temporaryDirectory(context)
  const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
  const sites = ['--model', fixturePath('stories260k'), '--text', ...texts, '--eval', texts[0]]
  const simulate = (name: string, ...more: string[]) =>
    coppice(...COMMAND.split(' '), ...sites, '--baselines', 'none', '--out', join(directory, name), ...more)
  const roots: string[] = []
  for (const [name, ...more] of [['mesh'], ['star', '--topology', 'star', '--processes']]) {
    const { exit, stdout, stderr } = await simulate(name, ...more)
    assert.equal(exit, 0, stderr)
    roots.push(JSON.parse(stdout).result.root)
  }
  assert.equal(roots[0], roots[1])
})
