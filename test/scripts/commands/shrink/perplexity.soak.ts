/** Perplexities of shrunk models against programs in PyTorch, on long texts. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { needsShared, sharedPath } from '../../../support/shared.ts'
import { shrinkReport } from '../../../support/shrink-report.ts'

const TRAIN = 'data/text/tinystories-train-sample.txt'
const VALID = 'data/text/tinystories-valid-sample.txt'
const MODEL = 'models/stories260k'
/** The texts and windows that the programs in PyTorch have calibrated and evaluated on. */
function storiesSite(): string[] {
  const [model, train, valid] = [MODEL, TRAIN, VALID].map((name) => sharedPath(name) ?? '')
  const calibration = ['--text', train, '--separator', '<|endoftext|>', '--windows', '10', '--window', '64']
  return ['--model', model, ...calibration, '--eval', valid, '--eval-tokens', '50000', '--eval-window', '128']
}

describe('a shrunk model', () => {
  // Perplexities of programs in PyTorch; biases are new with flap, two of 64 numbers for each of three blocks.
  for (const { how, parameters, perplexity } of [
    { how: ['--importance', 'taylor1', '--reduce', 'sum'], parameters: 226_048, perplexity: 10.551 },
    { how: ['--importance', 'flap'], parameters: 226_432, perplexity: 9.0656 },
  ]) {
    it(`is as an independent implementation: what is left, and its perplexity: ${how[1]}`, {
      skip: needsShared(MODEL),
    }, async (context) => {
      const out = join(await temporaryDirectory(context), 'out')
      const what = storiesSite()
      const share = ['--ratio', '0.25', '--blocks', '1:4']
      const { exit, stdout, stderr } = await coppice('shrink', ...what, ...share, ...how, '--out', out, '--json')
      assert.equal(exit, 0, stderr)
      const report = shrinkReport.parse(JSON.parse(stdout))
      assert.deepEqual(report.parameters, { before: 260_032, after: parameters })
      assert.deepEqual(
        report.removed,
        [1, 2, 3].map((block) => ({ block, kvHeads: 1, queryHeads: 0, channels: 43 })),
      )
      const [{ dense, pruned }] = report.perplexity
      assert.ok(Math.abs(dense / 4.973 - 1) < 5e-3 && Math.abs(pruned / perplexity - 1) < 5e-3, `${dense} ${pruned}`)
      assert.ok(report.bytes.after < report.bytes.before)
    })
  }

  for (const { how, perplexity } of [
    { how: ['--importance', 'taylor1', '--reduce', 'sum'], perplexity: 40.1803 },
    { how: ['--importance', 'taylor1', '--reduce', 'max'], perplexity: 47.4082 },
    { how: ['--importance', 'l2'], perplexity: 39.4246 },
  ]) {
    it(`without hidden channels is as a program in PyTorch: ${how.join(' ')}`, {
      skip: needsShared(MODEL),
    }, async (context) => {
      const out = join(await temporaryDirectory(context), 'out')
      const what = storiesSite()
      const share = ['--granularity', 'hidden-channels', '--ratio', '0.25', ...how]
      const { exit, stdout, stderr } = await coppice('shrink', ...what, ...share, '--out', out, '--json')
      assert.equal(exit, 0, stderr)
      const report = shrinkReport.parse(JSON.parse(stdout))
      assert.deepEqual(report.parameters, { before: 260_032, after: 195_024 })
      assert.ok(Math.abs(report.perplexity[0].pruned / perplexity - 1) < 1e-3, `${report.perplexity[0].pruned}`)
      assert.match(stderr, /plain ONNX Runtime gives the same logits/)
    })
  }
})
