import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { fileSource, tokenStream } from '../../../../src/model/text/text.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { chooseRemoval } from '../../../../src/structure/choose/choose-removal.ts'
import { momentsOf } from '../../../../src/structure/choose/fluctuation.ts'
import { structuresOf } from '../../../../src/structure/find/follow-blocks.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const TEXT = 'data/text/tinystories-train-sample.txt'
const DIR = fixturePath('stories260k')

/** The choice of PyTorch in float64: block 3, the first 640 tokens of TEXT in 10 windows, a quarter removed. */
const HEAD = 3
const CHANNELS = [
  ...[1, 7, 24, 26, 27, 29, 32, 44, 46, 49, 54, 55, 56, 59, 60, 64, 68, 75, 77, 78, 80, 88, 94, 104, 105, 106, 108],
  ...[111, 119, 123, 125, 134, 135, 140, 142, 146, 147, 150, 153, 154, 160, 164, 170],
]
const HEADS_BIAS = { norm: 0.1882658585282995, first: 0.004032300384875158 }
const CHANNELS_BIAS = { norm: 0.27627413283621177, first: 0.011207061356721136 }

describe('the units that fluctuate least', () => {
  it('have a score that is a sample variance, in any order of tokens', () => {
    const { mean, variance } = momentsOf(
      { sums: Float64Array.of(6, 3000), sumSquares: Float64Array.of(14, 3_000_002) },
      3,
    )
    assert.deepEqual([...mean], [2, 1000])
    assert.deepEqual([...variance], [1, 1])
    assert.throws(() => momentsOf({ sumSquares: Float64Array.of(1) }, 3), RangeError)
  })

  it('are removed and leave their means, as in PyTorch', { skip: needsShared(TEXT) }, async () => {
    const decoder = Decoder.open(DIR, { threads: 1 })
    const ids = await tokenStream(await openTokenizer(DIR), fileSource(sharedPath(TEXT) ?? ''), '<|endoftext|>', {
      wanted: 640,
    })
    const windows = { ids, count: 10, length: 64 }
    const removals = await chooseRemoval(decoder, await structuresOf(decoder), {
      ...{ importance: 'flap', reduction: 'sum', ppm: 250_000, blocks: [1, 4], windows, perBatch: 10 },
    })
    assert.deepEqual(
      removals.map(({ block, removed: [heads, channels] }) => [block, heads.units, channels.units.length]),
      [
        [1, [0], 43],
        [2, [2], 43],
        [3, [HEAD], 43],
      ],
    )
    const { removed, shifts } = removals[2]
    assert.deepEqual(removed[1].units, CHANNELS)
    const biases = [...(shifts?.values() ?? [])]
    assert.equal(biases.length, 2)
    for (const [k, { norm, first }] of [HEADS_BIAS, CHANNELS_BIAS].entries()) {
      assert.ok(Math.abs(Math.hypot(...biases[k]) / norm - 1) < 1e-4)
      assert.ok(Math.abs(biases[k][0] - first) < 1e-4 * norm)
    }
  })

  it('need sums over all batches: more windows than pass at once', async () => {
    const decoder = Decoder.open(DIR, { threads: 1 })
    const structures = await structuresOf(decoder)
    const [length, count] = [128, 48]
    const ids = Int32Array.from({ length: length * count }, (_, i) => (i * i * 7 + (i >> 5)) % decoder.vocabulary)
    const how = { importance: 'flap', reduction: 'sum', ppm: 250_000, blocks: [0, 1], perBatch: 1 } as const
    const [whole] = await chooseRemoval(decoder, structures, { ...how, windows: { ids, count, length } })
    // The same windows twice have the same mean.
    const twice = { ids: Int32Array.from([...ids, ...ids]), count: 2 * count, length }
    const [again] = await chooseRemoval(decoder, structures, { ...how, windows: twice })
    assert.deepEqual(
      again.removed.map(({ units }) => units),
      whole.removed.map(({ units }) => units),
    )
    for (const [product, bias] of whole.shifts ?? []) {
      const other = again.shifts?.get(product) ?? new Float32Array()
      const largest = Math.max(...bias.map(Math.abs))
      assert.ok(bias.every((value, row) => Math.abs(value - other[row]) < 1e-6 * largest))
    }
  })
})
