import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  fixedMeanSquare,
  MEAN_SQUARE_END,
  sumOfMeanSquares,
  sumOfWholes,
} from '../../../../src/merge/sums/exact-sum.ts'

/** Any mean square that may be added: subnormal numbers among them. */
const meanSquare = fc
  .nat(0x7f7f_ffff)
  .map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0])
  .filter((value) => value < MEAN_SQUARE_END)

describe('an exact sum', () => {
  it('holds every float32 from 2^-48 on, and rounds smaller ones to even', () => {
    assert.equal(fixedMeanSquare(2 ** -48), 2n ** 24n)
    assert.equal(fixedMeanSquare(2 ** -72), 1n)
    assert.deepEqual(
      [0.5, 1.5, 2.5, 0.75, 0.25].map((units) => fixedMeanSquare(units * 2 ** -72)),
      [0n, 2n, 2n, 1n, 0n],
    )
    const largest = MEAN_SQUARE_END * (1 - 2 ** -24)
    assert.equal(fixedMeanSquare(largest), 2n ** 119n - 2n ** 95n)
    fc.assert(
      fc.property(meanSquare, (value) => {
        fc.pre(value >= 2 ** -48)
        assert.equal(Number(fixedMeanSquare(value)) / 2 ** 72, value)
      }),
    )
  })

  it('is the same in every order and after every split', () => {
    fc.assert(
      fc.property(fc.array(meanSquare, { minLength: 1, maxLength: 64 }), fc.nat(), (values, seed) => {
        const at = seed % values.length
        const parts = [values.slice(at), values.slice(0, at)].map((part) => part.map(fixedMeanSquare))
        const [one, other] = parts.map((part) => part.reduce((sum, value) => sum + value, 0n))
        assert.equal(sumOfMeanSquares(values.toReversed()), sumOfMeanSquares(values))
        assert.equal(Number(one + other) / 2 ** 72, sumOfMeanSquares(values))
      }),
    )
  })

  it('is rounded once, where additions one by one would be rounded each time', () => {
    const values = [2 ** 40, 2 ** -13, 2 ** -13]
    assert.equal(sumOfMeanSquares(values), 2 ** 40 + 2 ** -12)
    assert.equal(
      values
        .toReversed()
        .toSorted((a, b) => b - a)
        .reduce((sum, value) => sum + value, 0),
      2 ** 40,
    )
    assert.equal(sumOfWholes([2 ** 52, 2 ** 52, 1, 1]), 2 ** 53 + 2)
  })
})
