/** The baseline of all text in one place. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

test('all text in one place is what one site gets that prunes on the windows of all', async (context) => {
  const directory = await temporaryDirectory(context)
  const text = siteText(directory, 0)
  const evaluated = siteText(directory, 1)
  const method = '--pruner sparsegpt --sparsity 0.5 --window 64 --eval-tokens 128 --json'.split(' ')
  const given = [...method, '--model', fixturePath('stories260k'), '--text', text, '--eval', evaluated]
  // Two sites that share a text take its windows one after the other.
  const sites = ['--peers', '2', '--windows', '3', '--rounds', '1', '--baselines', 'pooled-text']
  const together = await coppice('simulate', ...given, ...sites, '--out', join(directory, 'together'))
  assert.equal(together.exit, 0, together.stderr)
  const whole = await coppice('prune', ...given, '--windows', '6', '--out', join(directory, 'whole'))
  assert.equal(whole.exit, 0, whole.stderr)
  const [{ fedavg, pooledText }] = JSON.parse(together.stdout).perplexity
  assert.equal(pooledText, JSON.parse(whole.stdout).perplexity[0].pruned)
  assert.equal(fedavg, null)
  assert.match(together.stderr, /^perplexity .* all text\non .* in one place\n/m)
})
