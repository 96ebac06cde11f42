import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { runCommand } from '../../../../scripts/program.ts'
import { perplexityText } from '../../../../scripts/terminal/numbers.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { coppice, Recorder } from '../../../support/command-line.ts'
import { Interrupting } from '../../../support/interrupting.ts'
import { contentsOf } from '../../../support/models/linked.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const count = z.int().nonnegative()
const schema = z.strictObject({
  model: z.string(),
  settings: z.strictObject({
    ...{ steps: count, rank: count, alpha: z.number(), rate: z.number(), batch: count, seed: count, length: count },
  }),
  steps: z.strictObject({ done: count, taken: count }),
  rows: z.strictObject({ learnt: count, keptOut: count, skipped: count }),
  trained: count,
  heldLayers: count,
  loss: z.strictObject({ first: z.number(), last: z.number() }),
  keptOut: z.strictObject({ before: z.number(), after: z.number() }),
  perplexity: z.array(
    z.strictObject({ text: z.string(), tokens: count, window: count, pruned: z.number(), recovered: z.number() }),
  ),
  seconds: z.strictObject({ total: z.number().positive(), training: z.number().positive() }),
  peakMemoryBytes: count,
  out: z.string(),
})

const MODEL = ['--model', fixturePath('stories260k')]
const TRAINING = ['--rank', '4', '--batch', '4', '--length', '32', '--rate', '1e-3']

function zerosOf(dir: string): string {
  const decoder = Decoder.open(dir, { threads: 1 })
  const places = decoder.forms.map((_, block) =>
    decoder.baseWeights(block).map((w) => [...w].map((x) => Number(x === 0)).join('')),
  )
  return places.flat().join('\n')
}

describe('coppice recover', () => {
  it('trains a pruned model, whose zeros stay where they are', async (context) => {
    const directory = await temporaryDirectory(context)
    const [pruned, out] = ['pruned', 'out'].map((name) => join(directory, name))
    const text = siteText(directory, 0)
    const first = await coppice('prune', ...MODEL, '--pruner', 'magnitude', '--sparsity', '0.6', '--out', pruned)
    assert.equal(first.exit, 0, first.stderr)
    const site = ['--model', pruned, '--text', text, '--eval', text, '--eval-tokens', '512', '--eval-window', '64']
    const { exit, stdout, stderr } = await coppice(
      'recover',
      ...site,
      '--steps',
      '25',
      ...TRAINING,
      '--out',
      out,
      '--json',
    )
    assert.equal(exit, 0, stderr)
    const report = schema.parse(JSON.parse(stdout))
    assert.deepEqual(report.steps, { done: 25, taken: 25 })
    assert.equal(report.heldLayers, 35)
    assert.equal(report.trained, 4 * 5 * (4 * 64 * 2 + 2 * (32 - 64) + 3 * (64 + 172)))
    const [{ pruned: before, recovered }] = report.perplexity
    assert.ok(recovered < 0.9 * before, `${before} ${recovered}`)
    assert.equal(zerosOf(out), zerosOf(pruned))
    const card = readFileSync(join(out, 'README.md'), 'utf8')
    assert.match(card, /^- Trained on .*; the adapters of step 25 of 25 were kept\.$/m)
    assert.ok(card.includes(`| text 1 | ${perplexityText(before)} | ${perplexityText(recovered)} |`), card)
    assert.match(card, /# Model card of the base[\s\S]*60 % of the weights were made zero/)
    assert.match(stderr, /plain ONNX Runtime gives the same logits/)
  })

  it('stopped by Ctrl-C keeps its steps, and the same command ends with the same files', async (context) => {
    const directory = await temporaryDirectory(context)
    const [whole, out] = [join(directory, 'whole'), join(directory, 'out')]
    const text = siteText(directory, 1)
    const argv = (to: string, steps = '12') => [
      'recover',
      ...MODEL,
      '--text',
      text,
      '--steps',
      steps,
      ...TRAINING,
      '--out',
      to,
    ]
    const [stdout, stderr] = [new Recorder(), new Interrupting(/Recovering · step ([2-9]|1\d) of 12/)]
    assert.equal(await runCommand(argv(out), { stdout, stderr }), 130, stderr.text)
    assert.match(stderr.text, /^Stopping once the step at hand is finished; Ctrl-C again stops at once\.$/m)
    assert.match(stderr.text, /Stopped\. Kept: the training so far, in .+\. To go on: the same command\.\n$/)
    assert.deepEqual(readdirSync(out), ['.unfinished'])

    const other = await coppice(...argv(out, '13'))
    assert.equal(other.exit, 8, other.stderr)
    assert.match(
      other.stderr,
      /^coppice: .+ another choice of settings \(12 steps .+, now 13 steps .+\) \(OUTPUT_OTHER_RECOVERY\)\n.+\n$/m,
    )

    const resumed = await coppice(...argv(out))
    assert.equal(resumed.exit, 0, resumed.stderr)
    assert.match(resumed.stderr, /^[1-9]\d* steps? of 12 are done already: going on from there$/m)
    const expected = await coppice(...argv(whole))
    assert.equal(expected.exit, 0, expected.stderr)
    assert.deepEqual(contentsOf(out), contentsOf(whole))
  })

  it('refuses all that it cannot do, and leaves no files', async (context) => {
    const directory = await temporaryDirectory(context)
    const text = siteText(directory, 0)
    const out = join(directory, 'out')
    const refusals: [exit: number, RegExp, ...string[]][] = [
      [2, /--steps is missing/, '--text', text],
      [2, /--text is missing/, '--steps', '5'],
      [2, /--text and --instructions are both given/, '--steps', '5', '--text', text, '--instructions', text],
      [2, /--rate "0": expected a number above 0/, '--steps', '5', '--text', text, '--rate', '0'],
      [2, /--length 4096 is longer than the 512 tokens/, '--steps', '5', '--text', text, '--length', '4096'],
      [3, /makes 1 row of 64 tokens; 2 are needed/, '--steps', '5', '--text', text, '--length', '64', '--windows', '1'],
      [3, /: line 1 is no valid JSON/, '--steps', '5', '--instructions', text],
    ]
    for (const [code, message, ...argv] of refusals) {
      const { exit, stderr } = await coppice('recover', ...MODEL, ...argv, '--out', out)
      assert.equal(exit, code, stderr)
      assert.match(stderr, message)
      assert.deepEqual(readdirSync(directory).includes('out'), false)
    }
  })
})
