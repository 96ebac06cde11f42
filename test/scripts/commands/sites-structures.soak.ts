import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

test('two sites that remove structures, of a model of their own, end with the same smaller model', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const model = ['--model', fixturePath('stories260k')]
  const plan = '--pruner llm-pruner --ratio 0.25 --blocks 1:4 --rounds 2 --recover 2 --windows 4 --window 64'.split(' ')
  const outs = ['a', 'b'].map((name) => join(directory, name))
  const founding = ['peer', '--members', '2', ...model, '--text', a, ...plan, '--out', outs[0]]
  const founder = new SiteProcess(context, directory, ...founding)
  const joining = ['join', await founder.invitation(), ...model, '--text', b, '--alone', '--out', outs[1]]
  const joiner = new SiteProcess(context, directory, ...joining)
  for (const { exit, stdout, stderr } of await Promise.all([founder.ended, joiner.ended])) {
    assert.equal(exit, 0, stderr)
    assert.match(stdout, /^ {2}For every block: how much each attention head and channel matters/m)
    assert.match(
      stdout,
      /^ {2}After the first round also low-rank adapters: the changes that training on your text made/m,
    )
    assert.match(stderr, /^Round 2 of 2 agreed: .* % of the heads and channels changed since the last round/m)
  }
  // Adapters of round 2 begin with those of all, so the founder, who does not ask for it, knows of no model alone.
  const [[founders], [joiners]] = outs.map(
    (out) => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')).perplexity,
  )
  assert.equal(founders.alone, null)
  for (const value of [founders.base, founders.together, joiners.alone]) assert.ok(value > 1, `${value}`)
  const [first, second] = outs.map((out) => readFileSync(join(out, 'model', 'onnx', 'model.onnx')))
  assert.ok(first.equals(second))
  const verified = await coppice('verify', outs[1], ...model, '--json')
  assert.equal(verified.exit, 0, verified.stderr)
})
