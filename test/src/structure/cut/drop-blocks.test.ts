import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { like } from '../../../../src/onnx/graph.ts'
import type { OnnxModel } from '../../../../src/onnx/model.ts'
import { byteLength } from '../../../../src/onnx/tensor.ts'
import { type Replacement, serialiseOnnx, writeOnnx } from '../../../../src/onnx/write.ts'
import { plainTensor, runPlain } from '../../../../src/runtime/reference-run.ts'
import { dropBlocks } from '../../../../src/structure/cut/drop-blocks.ts'
import { SHARED, sharedDecoders } from '../../../support/models/decoders.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TOLERANCE = 1e-4
/** Computed in fp16 between operators by ONNX Runtime, in float32 here. */
const HALF = /fp16$/
const HALF_TOLERANCE = 1e-2
const WINDOW = 12

function someIds(vocabulary: number): Int32Array {
  const random = new Random(3)
  return Int32Array.from({ length: WINDOW }, () => Math.floor(random.next() * vocabulary))
}

async function written(
  context: TestContext,
  decoder: Decoder,
  model: OnnxModel,
  replace?: Replacement,
): Promise<Decoder> {
  const dir = await temporaryDirectory(context)
  writeOnnx(model, join(dir, 'model.onnx'), null, replace)
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(decoder.directory.dir, name), join(dir, name))
  return Decoder.open(dir, { threads: 1 })
}

/** Logits by the engine, some blocks left out. */
async function logits(decoder: Decoder, ids: Int32Array, without: readonly number[] = []): Promise<Float32Array> {
  const stream = await Stream.start(decoder, { ids, count: 1, length: ids.length })
  for (let block = 0; block < decoder.blocks; block++) {
    if (without.includes(block)) await stream.skip(block)
    else await stream.pass(block, undefined)
  }
  return stream.logits(0)
}

/** Largest difference of a plain ONNX Runtime's logits from these, over the largest. */
async function plainDifference(decoder: Decoder, ids: Int32Array, expected: Float32Array): Promise<number> {
  const values = decoder.plainInputs(BigInt64Array.from(ids, BigInt), 1, ids.length)
  const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
  const output = decoder.cut.head.leaves
  const found = await runPlain({ model: decoder.directory.onnx, feeds, output, expected, threads: 1 })
  return found ?? Number.NaN
}

/**
 * Zeros for the layers of a block and for whatever vectors it adds, which makes it the identity where norms stand
 * before what they norm. Tensors that exporters store once for several blocks are zeros already.
 */
function identityBlock(decoder: Decoder, block: number): Replacement {
  const { index, cut, lowered } = decoder
  const names = new Set(cut.blocks[block].layers.map(({ weight }) => weight.name))
  for (const node of cut.blocks[block].nodes) {
    const { opType, input } = index.nodes[node]
    const adds = opType === 'Add' || opType === 'Gemm' || opType.startsWith('Skip')
    const from = opType === 'Gemm' ? 2 : 0
    for (const name of adds ? input.slice(from) : []) {
      if (index.initializers.get(name)?.dims.length === 1) names.add(name)
    }
  }
  const zeroed = new Set([...names].map((name) => lowered.stored.get(name)))
  return (tensor) => (zeroed.has(tensor) ? new Uint8Array(byteLength(tensor)) : undefined)
}

/** The model with sizes in block 1 read from the same places of block 0: the first so many of them. */
function readingSizesOfFirst({ cut, index, model }: Decoder, count: number): OnnxModel {
  const sizes = cut.blocks.map(({ nodes }) => nodes.filter((node) => index.nodes[node].opType === 'Shape'))
  assert.ok(sizes[0].length > 3)
  assert.equal(sizes[0].length, sizes[1].length)
  const output = (node: number) => index.nodes[node].output[0]
  const wires = new Map(sizes[1].slice(0, count).map((node, k) => [output(node), output(sizes[0][k])]))
  const node = model.graph.node.map((each) =>
    like(each, { input: each.input.map((value) => wires.get(value) ?? value) }),
  )
  return { ...model, graph: like(model.graph, { node }) }
}

async function check(decoder: Decoder, context: TestContext, dropped: readonly number[]): Promise<Decoder> {
  const ids = someIds(decoder.vocabulary)
  const half = HALF.test(decoder.directory.dir)
  const without = await logits(decoder, ids, dropped)
  const dense = await logits(decoder, ids)
  const largest = Math.max(...dense.map(Math.abs))
  assert.ok(
    dense.some((value, i) => Math.abs(value - without[i]) > 10 * HALF_TOLERANCE * largest),
    'the blocks matter',
  )
  const shallow = await written(context, decoder, dropBlocks(decoder, dropped))
  assert.ok((await plainDifference(shallow, ids, without)) < (half ? HALF_TOLERANCE : TOLERANCE))
  assert.equal(shallow.blocks, decoder.blocks - dropped.length)
  const parameters = dropped.flatMap((block) => decoder.cut.blocks[block].layers)
  assert.ok(shallow.parameters <= decoder.parameters - parameters.reduce((sum, { rows, cols }) => sum + rows * cols, 0))
  return shallow
}

describe('a model without some blocks gives in a plain ONNX Runtime the logits of the engine without them', () => {
  for (const dropped of [[0], [2], [4], [1, 2], [0, 3, 4]]) {
    it(`stories260K without ${dropped}`, async (context) => {
      await check(Decoder.open(fixturePath('stories260k'), { threads: 1 }), context, dropped)
    })
  }

  const skip = needsShared(SHARED)
  for (const name of sharedDecoders()) {
    for (const block of [0, 1]) {
      it(`${name} without ${block}, and of the base with that block at zero`, { skip }, async (context) => {
        const decoder = Decoder.open(sharedPath(`${SHARED}/${name}`) ?? '', { threads: 1 })
        const shallow = await check(decoder, context, [block])
        const zeroed = await written(context, decoder, decoder.model, identityBlock(decoder, block))
        const ids = someIds(decoder.vocabulary)
        const tolerance = HALF.test(name) ? HALF_TOLERANCE : TOLERANCE
        assert.ok((await plainDifference(zeroed, ids, await logits(shallow, ids))) < tolerance)
        const pasts = [...shallow.model.graph.input, ...shallow.model.graph.output].map(({ name: value }) => value)
        assert.ok(
          pasts.every((value) => !/\d/.test(value) || value.includes('.0.')),
          String(pasts),
        )
        assert.equal(pasts.filter((value) => /^(past|present)/.test(value)).length % 4, 0)
      })
    }
  }

  it('keeps the sizes that later blocks read of a dropped one, and refuses where they need its weights', async (context) => {
    const base = Decoder.open(fixturePath('decoders/gpt2/optimum-past'), { threads: 1 })
    const ids = someIds(base.vocabulary)
    const decoder = await written(context, base, readingSizesOfFirst(base, 2))
    assert.ok(decoder.cut.blocks[0].passes.length > 0)
    const shallow = await written(context, decoder, dropBlocks(decoder, [0]))
    assert.equal(shallow.blocks, 1)
    assert.ok((await plainDifference(shallow, ids, await logits(decoder, ids, [0]))) < TOLERANCE)
    assert.deepEqual(
      shallow.model.graph.input.map(({ name }) => name).filter((name) => /^past/.test(name)),
      ['past_key_values.0.key', 'past_key_values.0.value'],
    )
    const deep = await written(context, base, readingSizesOfFirst(base, Number.POSITIVE_INFINITY))
    assert.throws(() => dropBlocks(deep, [0]), { code: 'DROP_UNKNOWN', message: /needs the weights of block 0/ })
  })

  it('leaves the decoder as it was', () => {
    const decoder = Decoder.open(fixturePath('decoders/llama-gqa-tied/genai'), { threads: 1 })
    const chunks = () =>
      [...serialiseOnnx(decoder.model, null)].map(({ bytes }) => Buffer.from(bytes).toString('base64'))
    const before = chunks()
    dropBlocks(decoder, [0])
    assert.deepEqual(chunks(), before)
  })
})
