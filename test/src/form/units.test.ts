import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lowestOfGroups, lowestUnits, placesToRemove, unitsToRemove } from '../../../src/form/units.ts'

/** As LLM-Pruner's program counts, in doubles. */
function inDoubles(width: number, ratio: number): number {
  const count = width - Math.trunc(width * (1 - ratio))
  return count >= width ? 0 : count
}

describe('how much a share removes', () => {
  it('of channels, as LLM-Pruner counts', () => {
    const cases = [
      [576, 250_000, 144], // SmolLM2-135M: hidden channels, then those of a feed-forward network
      [1536, 100_000, 154],
      [1536, 250_000, 384],
      [1536, 333_333, 512],
      [172, 250_000, 43], // the fixture stories260k
      [172, 100_000, 18],
      [64, 250_000, 16],
      [4096, 100_000, 410],
      [4096, 200_000, 820],
      [4096, 250_000, 1024],
      [4096, 300_000, 1229],
      [4096, 600_000, 2458],
      [11008, 200_000, 2202],
      [11008, 250_000, 2752],
      [11008, 600_000, 6605],
      [14336, 250_000, 3584],
      [11, 250_000, 3],
      [12, 300_000, 4],
    ]
    for (const [width, ppm, count] of cases) {
      assert.equal(placesToRemove(width, ppm), count, `${width}, ${ppm}`)
      assert.equal(inDoubles(width, ppm / 1e6), count, `${width}, ${ppm}`)
    }
  })

  it('of heads, whole ones', () => {
    const cases = [
      [32, 128, 100_000, 3],
      [32, 128, 250_000, 8],
      [32, 128, 600_000, 19],
      [8, 128, 250_000, 2],
      [4, 64, 250_000, 1],
      [4, 8, 100_000, 0],
      [3, 64, 333_333, 1],
    ]
    for (const [units, each, ppm, count] of cases) assert.equal(unitsToRemove(units, each, ppm), count)
  })

  // There are 405,504 pairs, 4,096 widths by 99 whole percents.
  it('is in 2,675 pairs of width and whole percent one place other than in doubles, as exact arithmetic has it', () => {
    let others = 0
    for (let width = 1; width <= 4096; width++) {
      for (let percent = 1; percent < 100; percent++) {
        const count = placesToRemove(width, percent * 10_000)
        const exact = Math.trunc((width * percent + 99) / 100)
        assert.equal(count, exact === width ? 0 : exact, `${width}, ${percent}`)
        const before = inDoubles(width, percent / 100)
        if (count === before) continue
        others++
        assert.equal(Math.abs((count || width) - (before || width)), 1, `${width}, ${percent}`)
      }
    }
    assert.equal(others, 2675)
  })

  it('is nothing where it would be all', () => {
    assert.equal(placesToRemove(10, 900_000), 9)
    assert.equal(placesToRemove(10, 900_001), 0)
    assert.equal(placesToRemove(10, 1_000_000), 0)
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
