import assert from 'node:assert/strict'
import { copyFileSync, cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { create } from '@bufbuild/protobuf'
import type { WeightsOf } from '../../../../src/form/block-weights.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { attributesOf, makeNode, nodeMaking, valueInfo } from '../../../../src/onnx/build.ts'
import { GraphProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { DATA_TYPE } from '../../../../src/onnx/tensor.ts'
import { serialiseOnnx, writeOnnx } from '../../../../src/onnx/write.ts'
import { Tensor } from '../../../../src/runtime/onnx-runtime.ts'
import { plainTensor, runPlain } from '../../../../src/runtime/reference-run.ts'
import { sliceStructures } from '../../../../src/structure/cut/slice.ts'
import { type FollowedBlock, followBlocks } from '../../../../src/structure/find/follow-blocks.ts'
import type { RemovedUnits } from '../../../../src/structure/find/removal.ts'
import type { GroupQueries } from '../../../../src/structure/find/walk.ts'
import { zeroedWeights } from '../../../../src/structure/find/zero-readers.ts'
import { SHARED, sharedDecoders } from '../../../support/models/decoders.ts'
import { groupQueryDecoder, multiHeadDecoder, standardAttentionDecoder } from '../../../support/models/graphs.ts'
import { mergeDecoder } from '../../../support/models/merged.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TOLERANCE = 1e-4
/** Computed in fp16 between operators by ONNX Runtime, in float32 here. */
const HALF = /(optimum|genai)-fp16$/
const HALF_TOLERANCE = 1e-2
const PAST = fixturePath('decoders/gpt2/optimum-past')
/** In merged decoders, whose branches give the same behind an empty past. */
const CONTINUES = 'use_cache_branch'

/** A unit of each structure, of queries one of each group: never all of them, and not the same in each. */
function someUnits(blocks: readonly FollowedBlock[]): (RemovedUnits[] | undefined)[] {
  return blocks.map(({ structures }, block) =>
    structures.map((structure) => {
      const size = structure.units / structure.groups
      const firsts = Array.from({ length: structure.groups }, (_, group) => group * size)
      const free = structure.locked === undefined && size > 1
      return { structure, units: free ? firsts.map((first, group) => first + ((block + group) % size)) : [] }
    }),
  )
}

/** Whether several queries share keys and values. */
function sharesKeys(dir: string): boolean {
  const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))
  return config.num_key_value_heads < config.num_attention_heads
}

/** The model with an If behind its logits, of which a constant chooses one branch. */
function withDeadBranch(from: string, dir: string): string {
  cpSync(from, dir, { recursive: true })
  const model = readOnnx(join(from, 'model.onnx'))
  const { graph } = model
  const [inner, last] = ['logits/inner', graph.node.find(({ output }) => output.includes('logits'))]
  assert.ok(last)
  last.output = [inner]
  const branch = (name: string, opType: string) =>
    create(GraphProtoSchema, {
      name,
      node: [nodeMaking(name, opType, [inner])],
      output: [valueInfo(name)],
    })
  const [alive, dead] = [branch('alive', 'Identity'), branch('dead', 'Neg')]
  const attribute = attributesOf({ then_branch: { graph: alive }, else_branch: { graph: dead } })
  graph.node.push(makeNode('If', ['always'], ['logits'], { name: 'If', attribute }))
  const data = { kind: 'memory' as const, bytes: Uint8Array.of(1) }
  model.initializers.set('always', { name: 'always', dims: [], dataType: DATA_TYPE.bool, data })
  for (const each of [alive, dead]) model.subgraphs.set(each, new Map())
  writeOnnx(model, join(dir, 'model.onnx'), null)
  return dir
}

async function logits(decoder: Decoder, ids: Int32Array, weightsOf: WeightsOf): Promise<Float32Array> {
  const stream = await Stream.start(decoder, { ids, count: 1, length: ids.length })
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, weightsOf(block))
  return stream.logits(0)
}

/**
 * Largest difference of logits between the sliced model in a plain ONNX Runtime and the same with zeros, over the
 * largest.
 */
async function difference(decoder: Decoder, context: TestContext, groupQueries: GroupQueries = 'kv'): Promise<number> {
  const blocks = await followBlocks(decoder, groupQueries)
  const removed = someUnits(blocks)
  const kind = groupQueries === 'query' ? 'queries' : 'heads'
  assert.ok(blocks.every(({ structures }) => structures.some((structure) => structure.kind === kind)))
  assert.ok(removed.some((units) => units?.some(({ units }) => units.length > 0)))
  const model = sliceStructures(decoder, blocks, removed)
  const dir = await temporaryDirectory(context)
  writeOnnx(model, join(dir, 'model.onnx'), null)
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(decoder.directory.dir, name), join(dir, name))
  const random = new Random(3)
  const ids = Int32Array.from({ length: 12 }, () => Math.floor(random.next() * decoder.vocabulary))
  const dense = await logits(decoder, ids, () => undefined)
  const expected = await logits(decoder, ids, (block) => zeroedWeights(decoder, block, removed[block] ?? []))
  const largest = Math.max(...dense.map(Math.abs))
  assert.ok(
    dense.some((value, i) => Math.abs(value - expected[i]) > 10 * HALF_TOLERANCE * largest),
    'zeros matter',
  )
  const sliced = Decoder.open(dir, { threads: 1 })
  assert.ok(sliced.parameters < decoder.parameters)
  const values = sliced.plainInputs(BigInt64Array.from(ids, BigInt), 1, 12)
  const output = decoder.cut.head.leaves
  const found: number[] = []
  for (const continues of values.has(CONTINUES) ? [false, true] : [false]) {
    if (values.has(CONTINUES)) values.set(CONTINUES, new Tensor('bool', [continues], [1]))
    const feeds = Object.fromEntries([...values].map(([name, tensor]) => [name, plainTensor(tensor)]))
    const run = await runPlain({ model: join(dir, 'model.onnx'), feeds, output, expected, threads: 1 })
    found.push(run ?? Number.NaN)
  }
  return Math.max(...found)
}

describe('a sliced model gives in a plain ONNX Runtime the logits of the same model with zeros', () => {
  it('stories260K', async (context) => {
    const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    assert.ok((await difference(decoder, context)) < TOLERANCE)
  })

  const skip = needsShared(SHARED)
  for (const name of sharedDecoders()) {
    it(name, { skip }, async (context) => {
      const decoder = Decoder.open(sharedPath(`${SHARED}/${name}`) ?? '', { threads: 1 })
      const found = await difference(decoder, context)
      assert.ok(found < (HALF.test(name) ? HALF_TOLERANCE : TOLERANCE), `${found}`)
    })
  }

  for (const [form, build] of Object.entries({
    'GroupQueryAttention with position ids, norms of heads, a ring': (dir: string) =>
      groupQueryDecoder(dir, 'float', 16),
    'GroupQueryAttention behind fp16 weights': (dir: string) => groupQueryDecoder(dir, 'float16'),
    'MultiHeadAttention, RotaryEmbedding, a past': multiHeadDecoder,
    'MultiHeadAttention, a bias in one piece': (dir: string) => multiHeadDecoder(dir, true),
    'Attention and RotaryEmbedding of ONNX': (dir: string) => standardAttentionDecoder(dir, 'apart'),
    'Attention and RotaryEmbedding of ONNX, heads joined': (dir: string) => standardAttentionDecoder(dir, 'joined'),
    'an If, weights outside': (dir: string) => mergeDecoder(PAST, dir, 'outer'),
    'an If, weights in each branch': (dir: string) => mergeDecoder(PAST, dir, 'own'),
    'an If, fused operators': (dir: string) => mergeDecoder(groupQueryDecoder(`${dir}/base`, 'float'), dir, 'outer'),
  })) {
    it(form, async (context) => {
      const decoder = Decoder.open(build(await temporaryDirectory(context)), { threads: 1 })
      assert.ok((await difference(decoder, context)) < TOLERANCE)
    })
  }

  const grouped = sharedDecoders().filter((name) => sharesKeys(sharedPath(`${SHARED}/${name}`) ?? ''))
  for (const [name, open] of [
    ['stories260K', () => fixturePath('stories260k')],
    ['GroupQueryAttention', (dir: string) => groupQueryDecoder(dir, 'float')],
    ['Attention of ONNX', (dir: string) => standardAttentionDecoder(dir, 'apart')],
    ['Attention of ONNX, heads joined', (dir: string) => standardAttentionDecoder(dir, 'joined')],
    ['an If', (dir: string) => mergeDecoder(groupQueryDecoder(`${dir}/base`, 'float'), dir, 'outer')],
    ...grouped.map((name) => [name, () => sharedPath(`${SHARED}/${name}`) ?? ''] as const),
  ] as const) {
    it(`without some queries of each group, whose keys and values stay: ${name}`, async (context) => {
      const decoder = Decoder.open(open(await temporaryDirectory(context)), { threads: 1 })
      const found = await difference(decoder, context, 'query')
      assert.ok(found < (HALF.test(name) ? HALF_TOLERANCE : TOLERANCE), `${found}`)
    })
  }

  it('is refused where a branch is never taken: it would keep its sizes', async (context) => {
    const dir = join(await temporaryDirectory(context), 'dead')
    const decoder = Decoder.open(withDeadBranch(PAST, dir), { threads: 1 })
    const blocks = await followBlocks(decoder)
    assert.throws(() => sliceStructures(decoder, blocks, someUnits(blocks)), {
      code: 'SLICE_UNKNOWN',
      message: /"dead" is never/,
    })
  })

  it('is refused where branches are not alike', async (context) => {
    const decoder = Decoder.open(mergeDecoder(PAST, await temporaryDirectory(context), 'outer'), { threads: 1 })
    const blocks = await followBlocks(decoder)
    const other = blocks.map((block) => {
      assert.ok(block.continued)
      const structures = block.continued.structures.map((structure) => ({ ...structure, units: structure.units + 1 }))
      return { ...block, continued: { ...block.continued, structures } }
    })
    assert.throws(() => sliceStructures(decoder, other, someUnits(blocks)), {
      code: 'SLICE_UNKNOWN',
      message: /heads of block 0/,
    })
  })

  it('leaves the decoder as it was', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    const blocks = await followBlocks(decoder)
    const chunks = () =>
      [...serialiseOnnx(decoder.model, null)].map(({ bytes }) => Buffer.from(bytes).toString('base64'))
    const before = chunks()
    sliceStructures(decoder, blocks, someUnits(blocks))
    assert.deepEqual(chunks(), before)
  })
})
