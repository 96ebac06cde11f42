import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKept } from '../../../../src/form/mask.ts'
import { magnitudeMask } from '../../../../src/prune/masks/magnitude.ts'

const bits = (mask: Uint8Array, size: number) =>
  Array.from({ length: size }, (_, i) => Number(isKept(mask, i))).join('')

describe('magnitude', () => {
  it('drops the smallest |w| of the whole layer, not of each row', () => {
    const weight = Float32Array.of(10, -20, 30, -40, 4, 3, -2, 1)
    assert.equal(bits(magnitudeMask(weight, 2, 4, { kind: 'unstructured', ppm: 500_000 }), 8), '11110000')
  })

  it('drops the smallest of each group under a pattern', () => {
    const weight = Float32Array.of(10, -20, 30, -40, 4, 3, -2, 1)
    assert.equal(bits(magnitudeMask(weight, 2, 4, { kind: 'pattern', n: 1, m: 2 }), 8), '01011010')
  })
})
