import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import type { OnnxModel } from '../../../../src/onnx/model.ts'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { serialiseOnnx, writeOnnx } from '../../../../src/onnx/write.ts'
import { Tensor } from '../../../../src/runtime/onnx-runtime.ts'
import { plainTensor, runPlain } from '../../../../src/runtime/reference-run.ts'
import { widthOf } from '../../../../src/structure/choose/width.ts'
import { sliceWidth } from '../../../../src/structure/cut/slice-width.ts'
import { writeNarrow } from '../../../../src/structure/write/write-narrow.ts'
import { SHARED, sharedDecoders } from '../../../support/models/decoders.ts'
import { groupQueryDecoder, multiHeadDecoder, SIZE, standardAttentionDecoder } from '../../../support/models/graphs.ts'
import { mergeDecoder } from '../../../support/models/merged.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

/** The model of PyTorch and its results; logits of the last position. */
interface Expected {
  parameters: number
  ids: number[]
  logits: number[]
}

const { removed, families } = JSON.parse(readFileSync(fixturePath('channels/families.json'), 'utf8')) as {
  removed: number[]
  families: Record<string, Expected>
}
const stories = JSON.parse(readFileSync(fixturePath('channels/stories260k.json'), 'utf8')) as Expected & {
  removed: Record<string, number[]>
}

const TOLERANCE = 1e-5
/** Weights that an exporter rounded to fp16, and sums of ONNX Runtime in fp16. */
const HALF = /fp16/
const HALF_TOLERANCE = 1e-2
const PAST = fixturePath('decoders/gpt2/optimum-past')
/** In merged decoders, whose branches give the same behind an empty past. */
const CONTINUES = 'use_cache_branch'
const HIDDEN = 64

const open = (dir: string) => Decoder.open(dir, { threads: 1 })

async function narrowed(decoder: Decoder, gone: readonly number[], context: TestContext): Promise<Decoder> {
  const width = await widthOf(decoder)
  assert.equal(width.channels, HIDDEN)
  const dir = await temporaryDirectory(context)
  writeNarrow(decoder, sliceWidth(decoder, width, gone), width, HIDDEN - gone.length, dir)
  return open(dir)
}

async function engineLogits(decoder: Decoder, ids: Int32Array): Promise<Float32Array> {
  const stream = await Stream.start(decoder, { ids, count: 1, length: ids.length })
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  return stream.logits(0)
}

/** Largest difference of a plain ONNX Runtime's logits from these, over the largest; in each branch there is. */
async function plainDifference(decoder: Decoder, ids: Int32Array, expected: Float32Array): Promise<number> {
  const values = decoder.plainInputs(BigInt64Array.from(ids, BigInt), 1, ids.length)
  const found: number[] = []
  for (const continues of values.has(CONTINUES) ? [false, true] : [false]) {
    if (values.has(CONTINUES)) values.set(CONTINUES, new Tensor('bool', [continues], [1]))
    const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
    const run = { model: decoder.directory.onnx, feeds, output: decoder.cut.head.leaves, expected, threads: 1 }
    found.push((await runPlain(run)) ?? Number.NaN)
  }
  return Math.max(...found)
}

/** The differences of the engine and of a plain ONNX Runtime from what the last position must be. */
async function differences(decoder: Decoder, { ids: row, logits }: Expected): Promise<[engine: number, plain: number]> {
  const ids = Int32Array.from(row)
  const found = await engineLogits(decoder, ids)
  const last = found.subarray(found.length - logits.length)
  const largest = Math.max(...logits.map(Math.abs))
  const engine = Math.max(...logits.map((value, i) => Math.abs(value - last[i]))) / largest
  return [engine, await plainDifference(decoder, ids, found)]
}

describe('a model without some hidden channels gives the logits of PyTorch with sliced weights', () => {
  it('stories260K, and has as many parameters', async (context) => {
    const decoder = open(fixturePath('stories260k'))
    const smaller = await narrowed(decoder, stories.removed['taylor1 sum'], context)
    assert.equal(smaller.parameters, stories.parameters)
    for (const difference of await differences(smaller, stories)) assert.ok(difference < TOLERANCE, `${difference}`)
  })

  const own = ['gpt2/optimum-past', 'opt/optimum-past', 'llama-gqa-tied/dynamo', 'llama-gqa-tied/external']
  const fused = ['llama-gqa-tied/genai', 'llama-gqa-tied/genai-fp16']
  for (const [name, dir, skip] of [
    ...[...own, ...fused].map((name) => [name, fixturePath(`decoders/${name}`), false] as const),
    ...sharedDecoders().map(
      (name) => [`shared ${name}`, sharedPath(`${SHARED}/${name}`) ?? '', needsShared(SHARED)] as const,
    ),
  ]) {
    it(name, { skip }, async (context) => {
      const decoder = open(dir)
      const smaller = await narrowed(decoder, removed, context)
      const family = Object.keys(families).find((each) => dir.includes(`/${each}/`)) ?? ''
      for (const difference of await differences(smaller, families[family]))
        assert.ok(difference < (HALF.test(name) ? HALF_TOLERANCE : TOLERANCE), `${difference}`)
      assert.equal(smaller.parameters, families[family].parameters)
    })
  }

  for (const weights of ['outer', 'own'] as const) {
    it(`in both branches of an If, weights ${weights}`, async (context) => {
      const decoder = open(mergeDecoder(PAST, await temporaryDirectory(context), weights))
      const smaller = await narrowed(decoder, removed, context)
      for (const difference of await differences(smaller, families.gpt2))
        assert.ok(difference < TOLERANCE, `${difference}`)
    })
  }
})

describe('a model without some hidden channels gives the same in a plain ONNX Runtime as in the engine', () => {
  for (const [form, build] of Object.entries({
    'GroupQueryAttention with position ids, norms of heads, a ring': (dir: string) =>
      groupQueryDecoder(dir, 'float', 16),
    'GroupQueryAttention behind fp16 weights': (dir: string) => groupQueryDecoder(dir, 'float16'),
    'MultiHeadAttention, RotaryEmbedding, a past': multiHeadDecoder,
    'MultiHeadAttention, a bias in one piece': (dir: string) => multiHeadDecoder(dir, true),
    'Attention and RotaryEmbedding of ONNX': (dir: string) => standardAttentionDecoder(dir, 'apart'),
    'Attention and RotaryEmbedding of ONNX, heads joined': (dir: string) => standardAttentionDecoder(dir, 'joined'),
    'an If, fused operators': (dir: string) => mergeDecoder(groupQueryDecoder(`${dir}/base`, 'float'), dir, 'outer'),
  })) {
    it(form, async (context) => {
      const decoder = open(build(await temporaryDirectory(context)))
      const smaller = await narrowed(decoder, removed, context)
      const ids = Int32Array.from({ length: 12 }, (_, at) => (7 * at + 3) % SIZE.vocabulary)
      const [before, after] = [await engineLogits(decoder, ids), await engineLogits(smaller, ids)]
      assert.ok(
        before.some((value, i) => Math.abs(value - after[i]) > 1e-2),
        'channels matter',
      )
      const found = await plainDifference(smaller, ids, after)
      assert.ok(found < TOLERANCE, `${found}`)
      assert.ok((await widthOf(smaller)).members.every(({ channels }) => channels.every((channel) => channel >= 0)))
    })
  }
})

/** A model file with one thing changed. */
async function changed(from: string, context: TestContext, change: (model: OnnxModel) => void): Promise<Decoder> {
  const dir = await temporaryDirectory(context)
  const model = readOnnx(join(from, 'model.onnx'))
  change(model)
  writeOnnx(model, join(dir, 'model.onnx'), null)
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(from, name), join(dir, name))
  return open(dir)
}

describe('hidden channels are refused', () => {
  it('where something is computed of them that is no mean', async (context) => {
    const decoder = await changed(fixturePath('stories260k'), context, ({ graph }) => {
      const mean = graph.node.find(({ opType }) => opType === 'ReduceMean')
      assert.ok(mean)
      mean.opType = 'ReduceSum'
    })
    await assert.rejects(widthOf(decoder), { code: 'SLICE_UNKNOWN', message: /\(ReduceSum\) computes over them/ })
  })

  for (const [where, layer, message] of [
    ['of a block', 0, /couples channels of the residual stream/],
    ['of another block', 1, /uses ".*bias" both with hidden channels and without/],
  ] as const) {
    it(`where a tensor has them for one reader and not for another ${where}`, async (context) => {
      const decoder = await changed(fixturePath('decoders/opt/optimum-past'), context, ({ graph, initializers }) => {
        const [queries, outputs] = ['0.self_attn.q_proj', `${layer}.self_attn.out_proj`].map((module) =>
          [...initializers.keys()].find((name) => name.endsWith(`layers.${module}.bias`)),
        )
        assert.ok(queries && outputs)
        for (const node of graph.node) node.input = node.input.map((name) => (name === queries ? outputs : name))
      })
      await assert.rejects(widthOf(decoder), { code: 'SLICE_UNKNOWN', message })
    })
  }

  it('where a branch is never taken', async (context) => {
    const decoder = open(mergeDecoder(PAST, await temporaryDirectory(context), 'outer'))
    const { branches, ...width } = await widthOf(decoder)
    assert.equal(branches.length, 2)
    assert.throws(() => sliceWidth(decoder, { ...width, branches: branches.slice(0, 1) }, removed), {
      code: 'SLICE_UNKNOWN',
      message: /is never taken/,
    })
  })

  it('and a decoder that is cut stays as it was', async () => {
    const decoder = open(fixturePath('stories260k'))
    const chunks = () =>
      [...serialiseOnnx(decoder.model, null)].map(({ bytes }) => Buffer.from(bytes).toString('base64'))
    const before = chunks()
    sliceWidth(decoder, await widthOf(decoder), removed)
    assert.deepEqual(chunks(), before)
  })
})
