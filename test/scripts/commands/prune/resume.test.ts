import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../../../../scripts/program.ts'
import { coppice, Recorder } from '../../../support/command-line.ts'
import { Interrupting } from '../../../support/interrupting.ts'
import { contentsOf } from '../../../support/models/linked.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

test('a prune that Ctrl-C has stopped keeps its finished blocks, and the same command ends with the same files', async (context) => {
  const directory = await temporaryDirectory(context)
  const [whole, out] = [join(directory, 'whole'), join(directory, 'out')]
  const text = siteText(directory, 0)
  const common = [
    'prune',
    '--pruner',
    'sparsegpt',
    '--model',
    fixturePath('stories260k'),
    '--text',
    text,
    '--window',
    '256',
    '--windows',
    '16',
  ]
  const evaluation = ['--eval', text, '--eval-tokens', '128', '--eval-window', '32', '--json']
  const argv = (to: string, sparsity = '0.5') => [...common, '--sparsity', sparsity, ...evaluation, '--out', to]

  const [stdout, stderr] = [new Recorder(), new Interrupting(/Pruning · block [2-4] of 5/)]
  const exit = await runCommand(argv(out), { stdout, stderr })
  assert.equal(exit, 130, stderr.text)
  const { error } = JSON.parse(stdout.text)
  assert.deepEqual([error.code, error.exit], ['INTERRUPTED', 130])
  assert.ok(stderr.text.endsWith(`Stopped. ${error.hint}\n`), error.hint)
  assert.match(stderr.text, /^Stopping once the block at hand is finished; Ctrl-C again stops at once\.$/m)
  const last = /Stopped\. Kept: ([1-4]) of 5 blocks, in (.+)\. To go on: the same command\.\n$/
  const [, kept, where] = last.exec(stderr.text) ?? assert.fail(stderr.text)
  assert.equal(where, out)
  assert.deepEqual(readdirSync(out), ['.unfinished'])

  const other = await coppice(...argv(out, '0.6'))
  assert.equal(other.exit, 8, other.stderr)
  assert.match(
    other.stderr,
    /^coppice: .+ another choice of settings \(.+sparsity 0\.5.+now .+sparsity 0\.6.+\) \(OUTPUT_OTHER_PRUNE\)\n.+\n$/m,
  )

  const resumed = await coppice(...argv(out))
  assert.equal(resumed.exit, 0, resumed.stderr)
  assert.match(resumed.stderr, new RegExp(`^${kept} of 5 blocks are pruned already: going on from there$`, 'm'))
  assert.match(resumed.stderr, new RegExp(`^Pruning · block ${Math.min(Number(kept) + 1, 5)} of 5`, 'm'))
  assert.doesNotMatch(resumed.stderr, /Evaluating the dense model/, 'it is measured once')

  const expected = await coppice(...argv(whole))
  assert.equal(expected.exit, 0, expected.stderr)
  assert.deepEqual(contentsOf(out), contentsOf(whole))
  const unlike = { seconds: 0, peakMemoryBytes: 0, out: '' }
  assert.deepEqual({ ...JSON.parse(resumed.stdout), ...unlike }, { ...JSON.parse(expected.stdout), ...unlike })
})
