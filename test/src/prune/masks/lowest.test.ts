import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LowestSelector, nthLowest } from '../../../../src/prune/masks/lowest.ts'

/** The mask that sorting everything gives. */
function obvious(scores: readonly number[], count: number): Uint8Array {
  const order = scores.map((score, index) => ({ score, index }))
  order.sort((a, b) => a.score - b.score || a.index - b.index)
  const marks = new Uint8Array(scores.length)
  for (const { index } of order.slice(0, count)) marks[index] = 1
  return marks
}

function marked(scores: readonly number[], count: number): Uint8Array {
  const selector = new LowestSelector(scores.length)
  selector.scores.set(scores)
  return selector.mark(scores.length, count).slice()
}

describe('the lowest of a list', () => {
  it('takes the lower index among equals', () => {
    assert.deepEqual([...marked([2, 1, 1, 0, 1], 3)], [0, 1, 1, 1, 0])
    assert.deepEqual([...marked([7, 7, 7, 7], 2)], [1, 1, 0, 0])
  })

  it('marks nothing for none and everything for all, whatever was marked before', () => {
    const selector = new LowestSelector(3)
    selector.scores.set([3, 1, 2])
    assert.deepEqual([...selector.mark(3, 3)], [1, 1, 1])
    assert.deepEqual([...selector.mark(3, 0)], [0, 0, 0])
    assert.deepEqual([...selector.mark(2, 1)], [0, 1, 0])
  })

  it('is the result of sorting by (score, index), for short lists full of ties', () => {
    const list = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(list, fc.nat(80), (scores, wanted) => {
        const count = Math.min(wanted, scores.length)
        assert.deepEqual(marked(scores, count), obvious(scores, count))
      }),
    )
  })

  it('is the result of sorting, for lists long enough to be sampled', () => {
    const score = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 3 }))
    const list = fc.array(score, { minLength: 256, maxLength: 1500 })
    fc.assert(
      fc.property(list, fc.double({ min: 0, max: 1, noNaN: true }), (scores, share) => {
        const count = Math.floor(share * scores.length)
        assert.deepEqual(marked(scores, count), obvious(scores, count))
      }),
      { numRuns: 60 },
    )
  })

  for (const [name, score] of Object.entries<(i: number, length: number) => number>({
    ascending: (i) => i,
    descending: (i, length) => length - i,
    'rising and falling': (i, length) => Math.min(i, length - i),
    'all equal': () => 1,
    'made to fool the sample': (i) => (i % 70 === 0 ? 1e9 : i % 97),
    'a sawtooth': (i) => i % 211,
    'one among zeros': (i) => Number(i === 5000),
  })) {
    it(`is the result of sorting if scores are ${name}`, () => {
      const scores = Array.from({ length: 20_000 }, (_, i) => score(i, 20_000))
      for (const count of [1, 141, 5000, 10_000, 19_999]) {
        assert.deepEqual(marked(scores, count), obvious(scores, count), `${count} of ${name}`)
      }
    })
  }
})

describe('the n-th lowest', () => {
  it('stands at its place, with nothing higher before it', () => {
    const list = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(list, fc.nat(299), (numbers, wanted) => {
        const n = 1 + (wanted % numbers.length)
        const values = Float64Array.from(numbers)
        const found = nthLowest(values, values.length, n)
        assert.equal(found, numbers.toSorted((a, b) => a - b)[n - 1])
        assert.equal(values[n - 1], found)
        assert.ok(values.subarray(0, n).every((value) => value <= found))
      }),
    )
  })

  it('falls back to sorting where every pivot is bad', () => {
    const values = medianOfThreeKiller(4096)
    const expected = values.toSorted()[2047]
    assert.equal(nthLowest(values, 4096, 2048), expected)
  })
})

/**
 * Musser, "Introspective sorting and selection algorithms", 1997, figure 1: a permutation that makes median-of-3 bad.
 */
function medianOfThreeKiller(length: number): Float64Array {
  const half = length / 2
  const values = new Float64Array(length)
  for (let i = 1; i <= half; i++) {
    if (i % 2 === 1) {
      values[i - 1] = i
      values[i] = half + i
    }
    values[half + i - 1] = 2 * i
  }
  return values
}
