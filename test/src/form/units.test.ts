import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lowestOfGroups, lowestUnits, placesToRemove, unitsToRemove } from '../../../src/form/units.ts'

describe('how much a ratio removes', () => {
  it('of channels, as LLM-Pruner counts', () => {
    const cases = [
      [4096, 0.1, 410],
      [4096, 0.2, 820],
      [4096, 0.25, 1024],
      [4096, 0.3, 1229],
      [4096, 0.6, 2458],
      [11008, 0.2, 2202],
      [11008, 0.25, 2752],
      [11008, 0.6, 6605],
      [14336, 0.25, 3584],
      [11, 0.25, 3],
      [12, 0.3, 4],
    ]
    for (const [width, ratio, count] of cases) assert.equal(placesToRemove(width, ratio), count, `${width}, ${ratio}`)
  })

  it('of heads, whole ones', () => {
    const cases = [
      [32, 128, 0.1, 3],
      [32, 128, 0.25, 8],
      [32, 128, 0.6, 19],
      [8, 128, 0.25, 2],
      [4, 64, 0.25, 1],
      [4, 8, 0.1, 0],
      [3, 64, 1 / 3, 1],
    ]
    for (const [units, each, ratio, count] of cases) assert.equal(unitsToRemove(units, each, ratio), count)
  })

  it('is nothing where it would be all: in doubles 10 (1 - 0.9) is less than 1', () => {
    assert.equal(placesToRemove(10, 0.9), 0)
    assert.equal(placesToRemove(10, 1), 0)
  })
})

describe('the lowest units', () => {
  it('are those with the least score, the first of equal ones, in order', () => {
    assert.deepEqual(lowestUnits([3, 1, 2, 1, 1], 2), [1, 3])
    assert.deepEqual(lowestUnits([3, 1, 2, 1, 1], 4), [1, 2, 3, 4])
  })

  it('have nothing outside them that scores less', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), fc.nat(30), (scores, wanted) => {
        const count = Math.min(wanted, scores.length)
        const chosen = lowestUnits(scores, count)
        assert.equal(new Set(chosen).size, count)
        const others = scores.filter((_, unit) => !chosen.includes(unit))
        for (const unit of chosen) for (const other of others) assert.ok(scores[unit] <= other)
      }),
    )
  })

  it('takes as many of each group, the lowest there', () => {
    const scores = Float64Array.of(5, 4, 9, 1, 1, 2)
    assert.deepEqual(lowestOfGroups(scores, 2, 1), [1, 3])
    assert.deepEqual(lowestOfGroups(scores, 2, 2), [0, 1, 3, 4])
    assert.deepEqual(lowestOfGroups(scores, 1, 2), [3, 4])
  })
})
