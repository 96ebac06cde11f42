import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Windows } from '../../../../src/form/windows.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { unitScoresOf } from '../../../../src/structure/choose/choose-removal.ts'
import { parametersOfUnit } from '../../../../src/structure/choose/describe.ts'
import { type Reached, reachParameters } from '../../../../src/structure/choose/search-ratio.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import type { Structure } from '../../../../src/structure/find/structure.ts'
import { zeroedWeights } from '../../../../src/structure/find/zero-readers.ts'
import { fixturePath } from '../../../support/shared.ts'

const STORY =
  'Once upon a time, there was a little girl named Lily. She liked to play in the park with her friends. One day, she saw a big dog. The dog was very happy. It ran to her and they played all day. Then she went home to her mom.'

describe('a share of the parameters', () => {
  const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
  let windows: Windows
  let structures: Structure[][]
  let scores: Float64Array[][]
  before(async () => {
    const ids = await (await openTokenizer(fixturePath('stories260k'))).encode([STORY])
    windows = { ids: ids.slice(0, 64), count: 2, length: 32 }
    structures = await structuresOf(decoder)
    const job = { importance: 'taylor1', reduction: 'sum', perBatch: 2, blocks: [0, 5], windows } as const
    scores = await unitScoresOf(decoder, structures, job)
  })

  const leftBy = ({ removals }: Reached) =>
    removals.reduce(
      (sum, { block, removed }) =>
        removed.reduce(
          (own, { structure, units }) => own - units.length * parametersOfUnit(decoder, block, structure),
          sum,
        ),
      decoder.parameters,
    )
  const harmOf = async ({ removals }: Reached) => {
    const own = new Map(removals.map(({ block, removed }) => [block, zeroedWeights(decoder, block, removed)]))
    return (await perplexity(decoder, windows, (block) => own.get(block))).perplexity
  }

  it('is reached, and not by more than one unit a structure and block', async () => {
    for (const share of [0.95, 0.8, 0.6]) {
      const job = { structures, scores, left: 1e6 * share }
      const reached = await reachParameters(decoder, { ...job, blocks: undefined, held: windows })
      const left = leftBy(reached)
      const most = Math.max(...structures.flat().map((structure, k) => parametersOfUnit(decoder, k >> 1, structure)))
      assert.ok(left <= share * decoder.parameters, `${left}`)
      assert.ok(left > share * decoder.parameters - structures.length * 2 * most, `${left}`)
    }
  })

  it('is reached by the candidate with the lowest loss, within a given range only', async () => {
    const job = { structures, scores, left: 850_000, held: windows }
    const best = await reachParameters(decoder, { ...job, blocks: undefined })
    for (const blocks of [
      [0, 5],
      [1, 4],
      [2, 4],
    ] as const) {
      const own = await reachParameters(decoder, { ...job, blocks })
      assert.deepEqual(own.blocks, blocks)
      assert.ok((await harmOf(best)) <= (await harmOf(own)))
    }
  })

  it('is refused where so little cannot be left', async () => {
    const job = { structures, scores, left: 100_000, blocks: undefined, held: windows }
    await assert.rejects(reachParameters(decoder, job), { code: 'PARAMETERS_FEW' })
  })
})
