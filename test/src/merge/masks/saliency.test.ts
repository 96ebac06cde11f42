import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { saliency, summedSquares } from '../../../../src/merge/masks/saliency.ts'
import { exactSum } from './l0-twin.ts'

const contributions = (values: number[]) => values.map((x) => ({ inputs: [Float32Array.of(9), Float32Array.of(0, x)] }))

describe('saliency', () => {
  it('adds the statistics of a column exactly, whoever sent them', () => {
    const large = 2 ** 46
    for (const values of [
      [large, 2 ** -8, 2 ** -8],
      [2 ** -8, large, 2 ** -8],
      [2 ** -8, 2 ** -8, large],
    ]) {
      assert.deepEqual(summedSquares(contributions(values), 1, 2, 0), Float64Array.of(0, large + 2 ** -7))
    }
  })

  it('adds them so for any values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: 0, max: 2 ** 47, maxExcluded: true, noNaN: true }), { minLength: 1 }),
        (list) => {
          const values = list.map(Math.abs)
          assert.equal(summedSquares(contributions(values), 1, 2, 0)[1], exactSum(values))
        },
      ),
    )
  })

  it('is squared first and then multiplied', () => {
    const value = Math.fround(1 + 6 / 97)
    const sum = Math.fround(1 + 6 / 89) + 6 * 2 ** -40
    assert.notEqual(value * value * sum, value * (value * sum))
    assert.equal(saliency(value, sum), value * value * sum)
    assert.equal(saliency(-value, sum), value * value * sum)
  })
})
