import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { importancesFault, scaledImportances, TOTAL } from '../../../../src/merge/structures/scaled-importances.ts'

const scaled = (...values: number[]) => [...scaledImportances(Float32Array.from(values))]
const fault = (...values: number[]) => importancesFault(Float64Array.from(values))
const importance = fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs)

describe('scaled importances', () => {
  it('sum to the total, and differ from the exact share by less than one', () => {
    fc.assert(
      fc.property(fc.array(importance, { minLength: 1, maxLength: 40 }), (values) => {
        const own = scaled(...values)
        assert.equal(importancesFault(Float64Array.from(own)), null)
        const parts = values.map((value) => BigInt(Math.fround(value) * 2 ** 149))
        const sum = parts.reduce((all, part) => all + part, 0n)
        for (const [i, part] of parts.entries()) {
          const off = BigInt(own[i]) * sum - part * BigInt(TOTAL)
          assert.ok(sum === 0n || (off < sum && -off < sum), `${own[i]} for ${values[i]}`)
        }
      }),
    )
  })

  it('are the same for numbers that are larger by a power of two', () => {
    assert.deepEqual(scaled(1, 2, 5, 0), scaled(2 ** 100, 2 ** 101, 5 * 2 ** 100, 0))
  })

  it('give what is missing to the largest remainders, of equal ones to the first', () => {
    assert.deepEqual(scaled(1, 1, 1), [(TOTAL - 1) / 3 + 1, (TOTAL - 1) / 3, (TOTAL - 1) / 3])
    assert.deepEqual(scaled(1, 2), [(TOTAL - 1) / 3, (2 * TOTAL + 1) / 3])
    assert.deepEqual(scaled(0, 0), [TOTAL / 2, TOTAL / 2])
    assert.deepEqual(scaled(7), [TOTAL])
  })

  it('are refused with another total, or with what is no whole number of it', () => {
    assert.equal(fault(TOTAL - 1, 1), null)
    for (const bad of [
      [TOTAL - 1, 2],
      [TOTAL - 1],
      [TOTAL, -0],
      [TOTAL + 1, -1],
      [TOTAL - 0.5, 0.5],
      [NaN],
      [Infinity],
    ])
      assert.notEqual(fault(...bad), null, String(bad))
  })
})
