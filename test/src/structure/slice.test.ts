import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../src/model/decoder.ts'
import type { WeightsOf } from '../../../src/model/perplexity.ts'
import { plainTensor, runPlain } from '../../../src/model/plain.ts'
import { Stream } from '../../../src/model/stream.ts'
import { serialiseOnnx, writeOnnx } from '../../../src/onnx/write.ts'
import { type FollowedBlock, followBlocks } from '../../../src/structure/find.ts'
import type { RemovedUnits } from '../../../src/structure/removal.ts'
import { slice } from '../../../src/structure/slice.ts'
import { zeroedWeights } from '../../../src/structure/zeroed.ts'
import { temporaryDirectory } from '../../peers/support.ts'
import { fixturePath, needsShared, sharedPath } from '../../shared.ts'
import { SHARED, sharedDecoders } from '../model/fixtures.ts'
import { Random } from '../prune/random.ts'

const TOLERANCE = 1e-4
/** Computed in fp16 between operators by ONNX Runtime, in float32 here. */
const HALF = /optimum-fp16$/
const HALF_TOLERANCE = 1e-2
/** Operators with numbers of heads inside. */
const FUSED = /genai/

/** A unit of each structure in some blocks: never all of them, and not the same in each. */
function someUnits(blocks: readonly FollowedBlock[]): (RemovedUnits[] | undefined)[] {
  return blocks.map(({ structures }, block) =>
    structures.map((structure) => {
      const free = structure.locked === undefined && structure.units > 1
      return { structure, units: free ? [block % structure.units] : [] }
    }),
  )
}

async function logits(decoder: Decoder, ids: Int32Array, weightsOf: WeightsOf): Promise<Float32Array> {
  const stream = await Stream.start(decoder, { ids, count: 1, length: ids.length })
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, weightsOf(block))
  return stream.logits(0)
}

/** Largest difference of logits between the sliced model in a plain ONNX Runtime and the same with zeros, over the largest. */
async function difference(decoder: Decoder, context: TestContext): Promise<number> {
  const blocks = await followBlocks(decoder)
  const removed = someUnits(blocks)
  assert.ok(removed.some((units) => units?.some(({ units }) => units.length > 0)))
  const model = slice(decoder, blocks, removed)
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
  const feeds = Object.fromEntries(
    [...sliced.plainInputs(BigInt64Array.from(ids, BigInt), 1, 12)].map(([name, tensor]) => [
      name,
      plainTensor(tensor),
    ]),
  )
  const output = decoder.cut.head.leaves
  const found = await runPlain({ model: join(dir, 'model.onnx'), feeds, output, expected, threads: 1 })
  return found ?? Number.NaN
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
      if (FUSED.test(name)) await assert.rejects(difference(decoder, context), { code: 'SLICE_UNKNOWN' })
      else assert.ok((await difference(decoder, context)) < (HALF.test(name) ? HALF_TOLERANCE : TOLERANCE))
    })
  }

  it('leaves the decoder as it was', async () => {
    const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    const blocks = await followBlocks(decoder)
    const chunks = () =>
      [...serialiseOnnx(decoder.model, null)].map(({ bytes }) => Buffer.from(bytes).toString('base64'))
    const before = chunks()
    slice(decoder, blocks, someUnits(blocks))
    assert.deepEqual(chunks(), before)
  })
})
