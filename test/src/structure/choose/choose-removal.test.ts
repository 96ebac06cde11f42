import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { fileSource, tokenStream } from '../../../../src/model/text/text.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { writeModel } from '../../../../src/model/write/write.ts'
import { chooseRemoval, type WeightJob } from '../../../../src/structure/choose/choose-removal.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import type { Removal } from '../../../../src/structure/find/removal.ts'
import type { Structure } from '../../../../src/structure/find/structure.ts'
import { zeroedWeights } from '../../../../src/structure/find/zero-readers.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TEXT = 'data/text/tinystories-train-sample.txt'
const DIR = fixturePath('stories260k')

const JOB: Omit<WeightJob, 'windows'> = {
  importance: 'taylor1',
  seed: 0,
  reduction: 'sum',
  ppm: 250_000,
  blocks: [1, 4],
  perBatch: 10,
}

const random = new Random(9)
const windows = { ids: Int32Array.from({ length: 96 }, () => Math.floor(random.next() * 512)), count: 3, length: 32 }
const heads = (removals: readonly Removal[]) => removals.map(({ block, removed }) => [block, removed[0].units])

describe('the removed units', () => {
  let decoder: Decoder
  let structures: Structure[][]
  before(async () => {
    decoder = Decoder.open(DIR, { threads: 1 })
    structures = await structuresOf(decoder)
  })

  it('are those of an independent implementation', { skip: needsShared(TEXT) }, async () => {
    const ids = await tokenStream(await openTokenizer(DIR), fileSource(sharedPath(TEXT) ?? ''), '<|endoftext|>', {
      wanted: 640,
    })
    const removals = await chooseRemoval(decoder, structures, { ...JOB, windows: { ids, count: 10, length: 64 } })
    assert.deepEqual(heads(removals), [
      [1, [0]],
      [2, [3]],
      [3, [1]],
    ])
    for (const { removed } of removals) assert.equal(removed[1].units.length, 43)
  })

  it('do not depend on the number of windows that pass together', async () => {
    const [some, other] = await Promise.all(
      [1, 2].map((perBatch) => chooseRemoval(decoder, structures, { ...JOB, windows, perBatch })),
    )
    assert.deepEqual(some, other)
  })

  it('differ by importance, and are as many', async () => {
    const all = await Promise.all(
      (['taylor1', 'taylor2', 'vector', 'l2'] as const).map((importance) =>
        chooseRemoval(decoder, structures, { ...JOB, windows, importance }),
      ),
    )
    assert.equal(
      new Set(all.map((removals) => JSON.stringify(removals.map(({ removed }) => removed[1].units)))).size,
      4,
    )
    for (const removals of all)
      assert.deepEqual(
        removals.map(({ removed }) => removed.map(({ units }) => units.length)),
        [
          [1, 43],
          [1, 43],
          [1, 43],
        ],
      )
  })

  it('in two steps are those that a model without the first step loses in one', async (context) => {
    const job = { ...JOB, windows, ppm: 500_000 }
    const first = await chooseRemoval(decoder, structures, { ...job, ppm: 250_000 })
    const dir = await temporaryDirectory(context)
    const gone = new Map(first.map(({ block, removed }) => [block, removed]))
    writeModel(decoder, (block) => gone.get(block) && zeroedWeights(decoder, block, gone.get(block) ?? []), dir)
    const halfway = Decoder.open(dir, { threads: 1 })
    // Units that are zero already have no importance, so they are removed first.
    const expected = await chooseRemoval(halfway, await structuresOf(halfway), job)
    const units = (removals: readonly Removal[]) => removals.map(({ removed }) => removed.map((each) => each.units))
    const inSteps = units(await chooseRemoval(decoder, structures, { ...job, steps: 2 }))
    assert.deepEqual(inSteps, units(expected))
    assert.notDeepEqual(inSteps, units(await chooseRemoval(decoder, structures, job)))
    for (const [heads, channels] of inSteps) assert.deepEqual([heads.length, channels.length], [2, 86])
  })

  it('are drawn from the seed if importance is random, alike for a block whatever the range', async () => {
    const job = { ...JOB, windows, importance: 'random' } as const
    const [some, all, other] = await Promise.all(
      [job, { ...job, blocks: [0, 5] as const }, { ...job, seed: 1 }].map((each) =>
        chooseRemoval(decoder, structures, each),
      ),
    )
    const units = (removals: readonly Removal[]) => removals.map(({ removed }) => removed.map((each) => each.units))
    assert.deepEqual(units(all).slice(1, 4), units(some))
    assert.notDeepEqual(units(other), units(some))
    for (const [one, many] of units(some)) assert.deepEqual([one.length, many.length], [1, 43])
  })

  it('are no heads if the ratio is less than one head', async () => {
    const [first] = await chooseRemoval(decoder, structures, { ...JOB, windows, importance: 'l2', ppm: 100_000 })
    assert.deepEqual(
      first.removed.map(({ units }) => units.length),
      [0, 18],
    )
  })

  it('are the least important query head of each group, if keys and values stay', async () => {
    const apart = await structuresOf(decoder, 'query')
    const job = { ...JOB, windows, importance: 'l2', ppm: 500_000 } as const
    const size = 8
    for (const { block, removed } of await chooseRemoval(decoder, apart, job)) {
      const [q, , , o] = decoder.baseWeights(block) // [64, 64] each
      const score = (head: number) => {
        let sum = 0
        for (let row = 0; row < 64; row++)
          for (let c = head * size; c < (head + 1) * size; c++) sum += q[c * 64 + row] ** 2 + o[row * 64 + c] ** 2
        return sum
      }
      const lowest = [0, 2, 4, 6].map((first) => (score(first) <= score(first + 1) ? first : first + 1))
      assert.deepEqual(removed[0].units, lowest)
    }
  })

  it('are refused if a structure is not understood', async () => {
    const locked = structures.map((each) =>
      each.map((structure) => ({ ...structure, locked: '"n7" (Einsum) is not understood' })),
    )
    await assert.rejects(chooseRemoval(decoder, locked, { ...JOB, windows }), {
      code: 'STRUCTURE_LOCKED',
      message: /the heads of block 1 cannot be removed: "n7" \(Einsum\)/,
    })
  })
})
