import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { fileSource, tokenStream } from '../../../../src/model/text/text.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { blockScores, blocksToRemove, chooseBlocks } from '../../../../src/structure/choose/choose-blocks.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TEXT = 'data/text/tinystories-train-sample.txt'
const DIR = fixturePath('stories260k')
const TOLERANCE = 1e-5

/** The scores of PyTorch, float32 gradients, sums in float64: the first 640 tokens of TEXT in 10 windows. */
const EXPECTED = {
  taylor1: [23.32714905048462, 24.134278581000267, 16.554340825677826, 17.04495930687733, 17.27572097996287],
  taylor2: [0.188350190193155, 0.2009342935737113, 0.11037598584702123, 0.11044678296108956, 0.1098019072269158],
  vector: [3.8310038324180025, 3.7646924990391684, 2.350903914673186, 2.3647310154839127, 2.3437389158995736],
  l2: [847.6587076277776, 944.5922399072067, 789.5098542800285, 877.018150115991, 821.6134732003935],
} as const

describe('how much a whole block matters', () => {
  const decoder = Decoder.open(DIR, { threads: 1 })
  let windows: { ids: Int32Array; count: number; length: number }
  before(async () => {
    const text = sharedPath(TEXT)
    if (text === null) return
    const ids = await tokenStream(await openTokenizer(DIR), fileSource(text), '<|endoftext|>', { wanted: 640 })
    windows = { ids, count: 10, length: 64 }
  })
  const job = { perBatch: 10, blocks: [0, 5] } as const

  for (const [importance, expected] of Object.entries(EXPECTED)) {
    it(`by ${importance} is the same as in PyTorch`, { skip: needsShared(TEXT) }, async () => {
      const scores = await blockScores(decoder, {
        ...job,
        windows,
        importance: importance as keyof typeof EXPECTED,
      })
      for (const [block, score] of scores.entries())
        assert.ok(Math.abs(score / expected[block] - 1) < TOLERANCE, `${block}: ${score}`)
    })
  }

  it('decides which are removed: the lowest of the range, and whole ones only', async () => {
    const choose = (gone: number, blocks: [number, number]) =>
      chooseBlocks(decoder, blocksToRemove(decoder, blocks, { gone }), { ...job, windows, importance: 'l2', blocks })
    assert.deepEqual(await choose(200_000, [0, 5]), [2])
    assert.deepEqual(await choose(600_000, [0, 5]), [0, 2, 4])
    assert.deepEqual(await choose(590_000, [0, 5]), [2, 4])
    assert.deepEqual(await choose(500_000, [0, 2]), [0])
    assert.deepEqual(await choose(190_000, [0, 5]), [])
    assert.deepEqual(await choose(990_000, [0, 5]), [0, 2, 3, 4])
  })
})
