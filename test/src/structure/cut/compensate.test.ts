import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { writeOnnx } from '../../../../src/onnx/write.ts'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { compensate } from '../../../../src/structure/cut/compensate.ts'
import { sliceStructures } from '../../../../src/structure/cut/slice.ts'
import { followBlocks } from '../../../../src/structure/find/follow-blocks.ts'
import { layersReading } from '../../../../src/structure/find/zero-readers.ts'
import { expectedSliced } from '../../../../src/structure/write/write.ts'
import { SHARED, sharedDecoders } from '../../../support/models/decoders.ts'
import { mergeDecoder } from '../../../support/models/merged.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TOLERANCE = 1e-4
/** Computed in fp16 between operators by ONNX Runtime, in float32 here. */
const HALF = /fp16$/
const HALF_TOLERANCE = 1e-2
/** With biases, which change; elsewhere an Add is new. */
const BIASED = /^(gpt|opt\/)/

/** The first unit of every structure of all blocks gone, and something unlike in each place of a bias instead. */
async function difference(
  decoder: Decoder,
  context: TestContext,
): Promise<{ found: number; without: number; added: number }> {
  const random = new Random(5)
  const blocks = await followBlocks(decoder)
  const removals = blocks.map(({ structures }, block) => {
    const removed = structures.map((structure) => ({ structure, units: structure.units > 1 ? [0] : [] }))
    const shifts = new Map<string, Float32Array>()
    for (const { structure } of removed) {
      for (const { role } of layersReading(decoder, block, structure)) {
        const { node, rows } = decoder.cut.blocks[block].layers[role]
        shifts.set(
          decoder.index.nodes[node].output[0],
          Float32Array.from({ length: rows }, () => random.next() - 0.5),
        )
      }
    }
    assert.equal(shifts.size, 2)
    return { block, removed, shifts }
  })
  const model = sliceStructures(
    decoder,
    blocks,
    removals.map(({ removed }) => removed),
  )
  const before = model.graph.node.length
  const readBefore = new Set(model.graph.node.flatMap(({ input }) => input))
  for (const { shifts } of removals) compensate(model, shifts)
  const added = model.graph.node.length - before
  const read = new Set(model.graph.node.flatMap(({ input }) => input))
  assert.ok(removals.every(({ shifts }) => [...shifts.keys()].every((product) => read.has(product))))
  for (const name of model.initializers.keys())
    assert.ok(read.has(name) || !readBefore.has(name), `${name} is left over`)
  const dir = await temporaryDirectory(context)
  writeOnnx(model, join(dir, 'model.onnx'), null)
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(decoder.directory.dir, name), join(dir, name))
  Decoder.open(dir, { threads: 1 })
  const ids = Int32Array.from({ length: 12 }, () => Math.floor(random.next() * decoder.vocabulary))
  const expected = (shifted: boolean) =>
    expectedSliced(
      decoder,
      model,
      removals.map((removal) => (shifted ? removal : { ...removal, shifts: undefined })),
      { dir, ids },
    )
  const run = async (shifted: boolean) =>
    (await runPlain({ ...(await expected(shifted)), model: join(dir, 'model.onnx'), threads: 1 })) ?? Number.NaN
  return { found: await run(true), without: await run(false), added }
}

describe('a vector added to the outputs of layers', () => {
  it('is the same as in the engine: stories260K', async (context) => {
    const { found, without } = await difference(Decoder.open(fixturePath('stories260k'), { threads: 1 }), context)
    assert.ok(found < TOLERANCE && without > 100 * TOLERANCE, `${found} ${without}`)
  })

  it('is refused where it would have to be added in both branches', async (context) => {
    const dir = mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), await temporaryDirectory(context), 'outer')
    const decoder = Decoder.open(dir, { threads: 1 })
    const [{ node, rows }] = decoder.cut.blocks[0].layers
    const shifts = new Map([[decoder.index.nodes[node].output[0], new Float32Array(rows)]])
    assert.throws(() => compensate(decoder.model, shifts), { code: 'SLICE_UNKNOWN', message: /both branches/ })
  })

  const skip = needsShared(SHARED)
  for (const name of sharedDecoders()) {
    it(`is the same as in the engine: ${name}`, { skip }, async (context) => {
      const decoder = Decoder.open(sharedPath(`${SHARED}/${name}`) ?? '', { threads: 1 })
      const { found, without, added } = await difference(decoder, context)
      const tolerance = HALF.test(name) ? HALF_TOLERANCE : TOLERANCE
      assert.ok(found < tolerance && without > 10 * tolerance, `${found} ${without}`)
      assert.equal(added, BIASED.test(name) ? 0 : 2 * decoder.blocks)
    })
  }
})
