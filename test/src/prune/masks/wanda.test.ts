import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKept } from '../../../../src/form/mask.ts'
import { wandaMask } from '../../../../src/prune/masks/wanda.ts'

const HALF = { kind: 'unstructured', ppm: 500_000 } as const
const TWO_OF_FOUR = { kind: 'pattern', n: 2, m: 4 } as const

const bits = (mask: Uint8Array, size: number) =>
  Array.from({ length: size }, (_, i) => Number(isKept(mask, i))).join('')

describe('Wanda', () => {
  // Rows (1, -2, 3, -4) and (4, 3, -2, 1); norms sqrt(7), 2, sqrt(3), sqrt(7).
  // Scores 2.6, 4, 5.2, 10.6 and 10.6, 6, 3.5, 2.6.
  const weight = Float32Array.of(1, -2, 3, -4, 4, 3, -2, 1)
  const meanSquares = Float32Array.of(7, 4, 3, 7)

  it('drops in each row the smallest |w| times input norm', () => {
    assert.equal(bits(wandaMask(weight, 2, 4, meanSquares, HALF), 8), '00111100')
    assert.equal(bits(wandaMask(weight, 2, 4, meanSquares, TWO_OF_FOUR), 8), '00111100')
  })

  it('lets a small weight on a large input live', () => {
    const mask = wandaMask(Float32Array.of(1, 2, 3, 0.5), 1, 4, Float32Array.of(1, 1, 1, 100), HALF)
    assert.equal(bits(mask, 4), '0011')
  })

  it('compares exactly where float32 would see a tie', () => {
    // (1 + 2^-23)^2 is 1 + 2^-22 + 2^-46: in float32 equal to (1 + 2^-22) * 1.
    const one = 1 + 2 ** -23
    const squares = Float32Array.of(1, Math.fround(one * one))
    assert.equal(Math.fround(Math.sqrt(squares[1])), one)
    const mask = wandaMask(Float32Array.of(1 + 2 ** -22, one), 1, 2, squares, HALF)
    assert.equal(bits(mask, 2), '01')
    const swapped = wandaMask(Float32Array.of(one, 1 + 2 ** -22), 1, 2, squares.toReversed(), HALF)
    assert.equal(bits(swapped, 2), '10')
  })

  it('refuses a mean square that is negative', () => {
    assert.throws(() => wandaMask(weight, 2, 4, Float32Array.of(1, -1, 1, 1), HALF), { code: 'NEGATIVE_SQUARE' })
  })
})
