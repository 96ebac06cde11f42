import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findBadFp16, float16Of, fp16Bits, narrow, packSurvivors, widen } from '../../../src/form/fp16.ts'
import { dropKept, newMask } from '../../../src/form/mask.ts'
import { fractionOf, nearestBits, UNITS, unitsOf } from './fp16-oracle.ts'

const bitsOf = (value: number) => fp16Bits(Float64Array.of(value))[0]

describe('fp16', () => {
  it('reads every finite value as the oracle does', () => {
    const values = float16Of(Uint16Array.from(UNITS, (_, bits) => bits))
    for (const [bits, value] of values.entries()) assert.equal(value * 2 ** 24, Number(UNITS[bits]), `${bits}`)
  })

  it('rounds to nearest, ties to even, at every midpoint and just beside it', () => {
    const inputs: number[] = []
    const expected: number[] = []
    for (let bits = 0; bits + 1 < UNITS.length; bits++) {
      const middle = Number(UNITS[bits] + UNITS[bits + 1]) * 2 ** -25
      // A float32 in between would round these two to the midpoint, and then to even.
      const beside = middle * 2 ** -40
      inputs.push(middle - beside, middle, middle + beside)
      expected.push(bits, bits % 2 === 0 ? bits : bits + 1, bits + 1)
    }
    // Twice, so that the second time runs compiled.
    for (const signed of [1, 1, -1]) {
      const actual = fp16Bits(Float64Array.from(inputs, (value) => signed * value))
      for (const [i, bits] of expected.entries()) {
        assert.equal(actual[i], signed < 0 && bits !== 0 ? bits | 0x8000 : bits, `${signed * inputs[i]}`)
      }
    }
  })

  it('rounds any double as the oracle does', () => {
    const bound = { min: -65519, max: 65519, noNaN: true }
    fc.assert(
      fc.property(fc.oneof(fc.double(bound), fc.double({ min: -1e-4, max: 1e-4, noNaN: true })), (value) => {
        assert.equal(bitsOf(value), nearestBits(...fractionOf(value)))
      }),
      { numRuns: 2000 },
    )
  })

  it('writes every zero, and values that round to zero, as +0', () => {
    for (const value of [0, -0, 2 ** -26, -(2 ** -26), 2 ** -25, -(2 ** -25), -5e-324]) assert.equal(bitsOf(value), 0)
    assert.equal(bitsOf(-(2 ** -25) * 1.001), 0x8001)
  })

  it('packs the weights that a mask keeps, in flat order', () => {
    const mask = newMask(10)
    for (const index of [0, 3, 9]) dropKept(mask, index)
    const weight = Float32Array.of(99999, 1, -2, NaN, 0, -0, 0.5, 65504, 65519, Infinity)
    const bits = packSurvivors(weight, mask, 'q')
    assert.deepEqual([...float16Of(bits)], [1, -2, 0, 0, 0.5, 65504, 65504])
    assert.deepEqual([...bits].map(unitsOf)[0], 1n << 24n)
  })

  it('refuses a kept value beyond its range, with the name of the layer', () => {
    for (const value of [65520, -65520, 1e38, Infinity, -Infinity, NaN]) {
      assert.throws(() => packSurvivors(Float32Array.of(1, value), newMask(2), '/layers.0/q_proj'), {
        name: 'InputError',
        code: 'FP16_RANGE',
        message: /^layer \/layers\.0\/q_proj: the pruned weight 1 is /,
      })
    }
  })

  it('finds -0, NaN and infinity wherever they stand', () => {
    assert.equal(findBadFp16(Uint16Array.of(0, 1, 0x3c00, 0x7bff, 0xfbff, 0x8001)), -1)
    for (const bad of [0x8000, 0x7c00, 0xfc00, 0x7c01, 0x7e00, 0xffff]) {
      assert.equal(findBadFp16(Uint16Array.of(0, 1, bad, 0x8000)), 2, bad.toString(16))
    }
  })
})

describe('fp16 in files', () => {
  const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i)
  const values = new Float32Array(bits.length)
  widen(bits, values)

  it('widens every bit pattern to the value that the language gives it', () => {
    assert.deepEqual(values, Float32Array.from(new Float16Array(bits.buffer)))
  })

  it('narrows every finite value back to its bits, the sign of zero too', () => {
    const finite = bits.filter((_, i) => Number.isFinite(values[i]))
    assert.deepEqual(narrow(values.filter((value) => Number.isFinite(value))), { bits: finite, beyond: -1 })
  })

  it('rounds halves to even, and finds values that it cannot hold', () => {
    const half = narrow(Float32Array.of(2049, 2051, 2 ** -25, 3 * 2 ** -25, 65_519, -65_519))
    assert.deepEqual([...new Float16Array(half.bits.buffer)], [2048, 2052, 0, 2 ** -23, 65_504, -65_504])
    assert.equal(half.beyond, -1)
    for (const value of [65_520, -65_520, Number.POSITIVE_INFINITY, Number.NaN]) {
      assert.equal(narrow(Float32Array.of(1, value)).beyond, 1, `${value}`)
    }
  })
})
