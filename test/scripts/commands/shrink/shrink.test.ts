import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readSafetensors } from '../../../../src/model/write/safetensors.ts'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'
import { shrinkReport } from '../../../support/shrink-report.ts'

const TRAIN = 'data/text/tinystories-train-sample.txt'
const MODEL = 'models/stories260k'
const text = ['--text', 'README.md', '--windows', '2', '--window', '64']

describe('coppice shrink', () => {
  it('removes the structures that an independent implementation removes', {
    skip: needsShared(MODEL),
  }, async (context) => {
    const out = join(await temporaryDirectory(context), 'out')
    const [model, train] = [MODEL, TRAIN].map((name) => sharedPath(name) ?? '')
    const site = [
      '--model',
      model,
      '--text',
      train,
      '--separator',
      '<|endoftext|>',
      '--windows',
      '10',
      '--window',
      '64',
    ]
    const how = ['--ratio', '0.25', '--blocks', '1:4', '--importance', 'taylor1', '--reduce', 'sum']
    const { exit, stdout, stderr } = await coppice('shrink', ...site, ...how, '--out', out, '--json')
    assert.equal(exit, 0, stderr)
    const report = shrinkReport.parse(JSON.parse(stdout))
    assert.deepEqual(report.parameters, { before: 260_032, after: 226_048 })
    assert.deepEqual(
      report.removed,
      [1, 2, 3].map((block) => ({ block, kvHeads: 1, queryHeads: 0, channels: 43 })),
    )
    assert.ok(report.bytes.after < report.bytes.before)
  })

  it('writes a model that shrinks again, and says if no head was removed', async (context) => {
    const directory = await temporaryDirectory(context)
    const [first, second] = ['a', 'b'].map((name) => join(directory, name))
    const once = await coppice('shrink', ...text, '--ratio', '0.1', '--out', first)
    assert.equal(once.exit, 0, once.stderr)
    assert.match(once.stdout, /^No head was removed/m)
    const times = String.raw`[\d.]+ m?s -> [\d.]+ m?s \((no difference beyond noise|[+-]\d+ %), spread \d+ %\)\.`
    assert.match(once.stdout, new RegExp(`^In ONNX Runtime, reading 64 tokens: ${times}$`, 'm'))
    assert.match(once.stdout, new RegExp(`^Writing one behind them: ${times}$`, 'm'))
    assert.match(once.stdout, /plain ONNX Runtime gives the same logits/)
    const config = JSON.parse(readFileSync(join(first, 'config.json'), 'utf8'))
    assert.deepEqual([config.intermediate_size, config.num_key_value_heads, config.head_dim], [460, 2, 32])
    const twice = await coppice(
      'shrink',
      '--model',
      first,
      ...text,
      '--ratio',
      '0.5',
      '--importance',
      'l2',
      '--out',
      second,
    )
    assert.equal(twice.exit, 0, twice.stderr)
    const left = JSON.parse(readFileSync(join(second, 'config.json'), 'utf8'))
    assert.deepEqual([left.intermediate_size, left.num_key_value_heads, left.head_dim], [230, 1, 32])
  })

  it('drops whole blocks', async (context) => {
    const directory = await temporaryDirectory(context)
    const first = join(directory, 'a')
    const depth = [...text, '--granularity', 'blocks', '--importance', 'l2']
    const dropped = await coppice('shrink', ...depth, '--ratio', '0.5', '--blocks', '1:5', '--out', first, '--json')
    assert.equal(dropped.exit, 0, dropped.stderr)
    const { removed, parameters } = shrinkReport.parse(JSON.parse(dropped.stdout))
    assert.equal(removed.length, 2)
    assert.ok(removed.every((own) => 'whole' in own && own.block >= 1 && own.block < 5))
    const each = (parameters.before - parameters.after) / 2
    const config = JSON.parse(readFileSync(join(first, 'config.json'), 'utf8'))
    assert.equal(config.num_hidden_layers, 4)
    assert.ok(Number.isInteger(each) && parameters.after > 4 * each)
  })

  it('refuses hidden channels of some blocks', async () => {
    const narrow = ['--granularity', 'hidden-channels', '--ratio', '0.5', '--importance', 'l2']
    const { exit, stderr } = await coppice('shrink', ...text, ...narrow, '--blocks', '1:4', '--out', 'out')
    assert.equal(exit, 2, stderr)
    assert.match(stderr, /--granularity hidden-channels with --blocks 1:4: hidden channels go through all 6 blocks/)
  })

  it('removes queries whose keys and values stay, or says that no queries share any', async (context) => {
    const directory = await temporaryDirectory(context)
    const [grouped, single] = ['grouped', 'single'].map((name) => join(directory, name))
    const how = [...text, '--ratio', '0.5', '--importance', 'l2', '--group-queries', 'query']
    const first = await coppice('shrink', '--model', fixturePath('stories260k'), ...how, '--out', grouped)
    assert.equal(first.exit, 0, first.stderr)
    assert.match(first.stdout, /^Removed: 20 query heads \(keys and values stay\)/m)
    assert.match(first.stdout, /plain ONNX Runtime gives the same logits/)
    const config = JSON.parse(readFileSync(join(grouped, 'config.json'), 'utf8'))
    assert.deepEqual([config.num_attention_heads, config.num_key_value_heads, config.head_dim], [4, 4, 8])
    const second = await coppice(
      'shrink',
      '--model',
      fixturePath('decoders/gpt2/optimum-past'),
      ...how,
      '--out',
      single,
    )
    assert.equal(second.exit, 0, second.stderr)
    assert.match(second.stdout, /^No queries share keys and values/m)
  })

  it('writes a model with equal blocks that Hugging Face tools load', async (context) => {
    const out = join(await temporaryDirectory(context), 'out')
    const how = [...text, '--ratio', '0.5', '--importance', 'l2', '--uniform']
    const { exit, stdout, stderr } = await coppice('shrink', ...how, '--out', out)
    assert.equal(exit, 0, stderr)
    assert.match(stdout, /model\.safetensors/)
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
    assert.deepEqual([config.num_attention_heads, config.num_key_value_heads, config.head_dim], [3, 1, 32])
    const tensors = readSafetensors(join(out, 'model.safetensors'))
    assert.deepEqual(tensors.get('model.layers.5.self_attn.q_proj.weight')?.dims, [96, 192])
    assert.deepEqual(tensors.get('model.layers.5.mlp.down_proj.weight')?.dims, [192, config.intermediate_size])
    const some = await coppice('shrink', ...how, '--blocks', '1:4', '--out', `${out}-some`)
    assert.equal(some.exit, 2, some.stderr)
    assert.match(some.stderr, /--uniform with --blocks 1:4/)
  })

  it('refuses a range that the model has not, and leaves nothing', async (context) => {
    const out = join(await temporaryDirectory(context), 'out')
    const { exit, stderr } = await coppice('shrink', ...text, '--ratio', '0.5', '--blocks', '2:7', '--out', out)
    assert.equal(exit, 2, stderr)
    assert.match(stderr, /--blocks 2:7 is no range of the 6 blocks/)
    assert.ok(!existsSync(out))
  })
})
