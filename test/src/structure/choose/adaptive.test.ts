import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { fileSource, tokenStream } from '../../../../src/model/text/text.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { adaptiveUnits, standardisedScores } from '../../../../src/structure/choose/adaptive.ts'
import { chooseRemoval } from '../../../../src/structure/choose/choose-removal.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TEXT = 'data/text/tinystories-train-sample.txt'
const DIR = fixturePath('stories260k')
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0)

describe("FLAP's adaptive search", () => {
  it('standardises the places of a structure, those of heads squared, and gives a unit their mean', () => {
    const channels = [1, 3, 5].map((score) => Float64Array.of(score))
    assert.deepEqual(standardisedScores({ kind: 'channels' }, channels), [-1, 0, 1])
    const heads = [Float64Array.of(1, 1), Float64Array.of(1, Math.sqrt(3))] // squares 1, 1, 1, 3: mean 1.5, deviation 1
    for (const [unit, score] of standardisedScores({ kind: 'heads' }, heads).entries())
      assert.ok(Math.abs(score - [-0.5, 0.5][unit]) < 1e-12)
    assert.deepEqual(standardisedScores({ kind: 'channels' }, [Float64Array.of(2), Float64Array.of(2)]), [0, 0])
  })

  it('takes the blocks that a program in PyTorch takes', { skip: needsShared(TEXT) }, async () => {
    const decoder = Decoder.open(DIR, { threads: 1 })
    const ids = await tokenStream(await openTokenizer(DIR), fileSource(sharedPath(TEXT) ?? ''), '<|endoftext|>', {
      wanted: 640,
    })
    const windows = { ids, count: 10, length: 64 }
    const removals = await chooseRemoval(decoder, await structuresOf(decoder), {
      ...{ importance: 'flap-adaptive', reduction: 'sum', ppm: 250_000, blocks: [0, 5], windows, perBatch: 10 },
    })
    assert.deepEqual(
      removals.map(({ removed: [heads] }) => heads.units),
      [[], [0], [], [], []],
    )
    assert.deepEqual(
      removals.map(({ removed: [, { units }] }) => [units.length, sum(units)]),
      [
        [57, 4503],
        [61, 5426],
        [47, 4031],
        [50, 4289],
        [64, 5188],
      ],
    )
    assert.deepEqual(
      removals.map(({ shifts }) => shifts?.size),
      [1, 2, 1, 1, 1],
    )
  })

  it('leaves a unit of each structure, and no more weights than asked', async () => {
    const decoder = Decoder.open(DIR, { threads: 1 })
    const structures = await structuresOf(decoder)
    const found = structures.flatMap((own, block) =>
      own.map((structure) => ({
        ...{ block, structure },
        scores: Array.from({ length: structure.units }, (_, unit) => Float64Array.of(unit + block)),
      })),
    )
    const [heads, channels] = [48 * 64, 3 * 64] // weights of a unit
    const total = 5 * (4 * heads + 172 * channels)
    for (const ppm of [10_000, 300_000, 990_000]) {
      const units = adaptiveUnits(decoder, found, ppm)
      const gone = units.map((own, k) => own.length * (found[k].structure.kind === 'heads' ? heads : channels))
      assert.ok(sum(gone) * 1e6 <= ppm * total && units.every((own, k) => own.length < found[k].structure.units))
      if (ppm === 300_000) assert.ok(sum(gone) > 0.3 * total - channels)
    }
  })
})
