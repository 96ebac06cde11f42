import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { shrinkReport } from '../../../support/shrink-report.ts'

const text = ['--text', 'README.md', '--windows', '2', '--window', '64']

describe('coppice shrink', () => {
  it('removes hidden channels, of a model that can be shrunk further and trained', async (context) => {
    const directory = await temporaryDirectory(context)
    const [first, second] = ['a', 'b'].map((name) => join(directory, name))
    const narrow = [
      '--model',
      fixturePath('stories260k'),
      ...text,
      '--granularity',
      'hidden-channels',
      '--importance',
      'l2',
      '--ratio',
      '0.25',
    ]
    const once = await coppice('shrink', ...narrow, '--recover', '2', '--out', first, '--json')
    assert.equal(once.exit, 0, once.stderr)
    const { removed } = shrinkReport.parse(JSON.parse(once.stdout))
    assert.deepEqual(
      removed,
      removed.map((_, block) => ({ block, hiddenChannels: 16 })),
    )
    const config = JSON.parse(readFileSync(join(first, 'config.json'), 'utf8'))
    assert.deepEqual([config.hidden_size, config.num_attention_heads, config.head_dim], [48, 8, 8])
    const card = readFileSync(join(first, 'README.md'), 'utf8')
    assert.match(card, /\nHidden channels of the whole model were removed, .* Adapters of low rank were trained /)
    assert.match(card, /parameters are left .*\n- Calibrated on .*\n- Recovered by 2 steps of training\.\n/)
    assert.equal(card.match(/^# Made smaller/gm)?.length, 1)
    const twice = await coppice(
      'shrink',
      '--model',
      first,
      ...text,
      '--importance',
      'l2',
      '--ratio',
      '0.5',
      '--out',
      second,
    )
    assert.equal(twice.exit, 0, twice.stderr)
    assert.match(twice.stdout, /plain ONNX Runtime gives the same logits/)
    const left = JSON.parse(readFileSync(join(second, 'config.json'), 'utf8'))
    assert.deepEqual([left.hidden_size, left.num_attention_heads, left.head_dim], [48, 4, 8])
  })
})
