/** A dry run of commands that work alone: see doctor/with-a-peer.test.ts for join. */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { siteText } from '../../support/sites.ts'

const WINDOWS = ['--windows', '2', '--window', '32']

test('a dry run of prune says what the prune would need, and writes nothing', async (context) => {
  const directory = await temporaryDirectory(context)
  const text = siteText(directory, 0)
  const before = readdirSync(directory)
  const out = join(directory, 'out')
  const model = fixturePath('stories260k')
  const site = ['--model', model, '--text', text, ...WINDOWS, '--out', out]
  const command = ['prune', ...site, '--pruner', 'wanda', '--sparsity', '0.5']
  const { exit, stderr, stdout } = await coppice(...command, '--dry-run', '--json')
  assert.equal(exit, 0, stderr)
  assert.match(stderr, /^Wanda would make 50 % of the weights zero in 5 blocks of .* on 2 windows of 32 of site-0/m)
  assert.match(stderr, /^Time {4}about \d+ s .*\nMemory {2}about \d+ MB\nDisk {4}about .*\nSent {4}nothing$/m)
  assert.deepEqual(readdirSync(directory), before)
  const { disk, sentBytes } = JSON.parse(stdout).forecast
  assert.deepEqual([disk.kept, sentBytes], [statSync(join(model, 'model.onnx')).size, 0])
  assert.ok(disk.most > disk.kept)
})

test('a dry run refuses what the command would refuse', async (context) => {
  const directory = await temporaryDirectory(context)
  const site = ['--model', fixturePath('stories260k'), '--text', siteText(directory, 0), '--windows', '9999']
  const { exit, stderr } = await coppice(
    'prune',
    ...site,
    '--pruner',
    'wanda',
    '--sparsity',
    '0.5',
    '--out',
    'x',
    '--dry-run',
  )
  assert.deepEqual([exit, /TEXT_SHORT/.test(stderr)], [3, true])
})
