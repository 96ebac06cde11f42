import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

test('a simulation that pools mean squares ends with a round a group, and one root', async (context) => {
  const directory = await temporaryDirectory(context)
  const [out, model] = [join(directory, 'out'), fixturePath('stories260k')]
  const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
  const plan =
    '--merge pooled --pruner wanda --rounds 2 --windows 2 --window 64 --eval-tokens 128 --baselines none --json'
  const ended = await coppice('simulate', '--model', model, '--text', ...texts, ...plan.split(' '), '--out', out)
  assert.equal(ended.exit, 0, ended.stderr)
  const { result, rounds } = JSON.parse(ended.stdout)
  assert.equal(rounds.length, 2)
  const verified = await coppice('verify', out, '--model', model, '--json')
  assert.equal(JSON.parse(verified.stdout).root, result.root, verified.stderr)
  assert.equal(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')).plan.merge, 'pooled')
})
