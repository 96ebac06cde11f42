import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { saliency, summedSquares } from '../../../../src/merge/masks/saliency.ts'

const contributions = (values: number[]) => values.map((x) => ({ inputs: [Float32Array.of(9), Float32Array.of(0, x)] }))

describe('saliency', () => {
  it('adds the statistics of a column from the smallest to the largest, whoever sent them', () => {
    const large = 2 ** 53 // to which a float64 cannot add 1
    for (const values of [
      [large, 1, 1],
      [1, large, 1],
      [1, 1, large],
    ]) {
      assert.deepEqual(summedSquares(contributions(values), 1, 2, 0), Float64Array.of(0, large + 2))
    }
  })

  it('adds them so for any values', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (list) => {
        const values = list.map(Math.abs)
        const expected = values.toSorted((a, b) => a - b).reduce((sum, x) => sum + x, 0)
        assert.equal(summedSquares(contributions(values), 1, 2, 0)[1], expected)
      }),
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
