import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { doubtOf } from '../../../../src/merge/masked/doubt.ts'
import { ofImportances, ofMeanSquares } from '../../../../src/merge/masked/plain.ts'
import { MOST_VALUE } from '../../../../src/merge/masked/votes.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'

const LEAST = 2 ** -72

const ofSquares = (own: number[], totals: number[]) =>
  doubtOf(
    'meanSquares',
    ofMeanSquares([new Float32Array(1), Float32Array.from(own)]),
    [...ofMeanSquares([new Float32Array(1)]), ...ofMeanSquares([Float32Array.from(totals)])],
    3,
  )

describe('a site doubts an opened total', () => {
  it('of mean squares below its own, by the last bit', () => {
    assert.equal(ofSquares([1, LEAST, 0], [1, LEAST, 0]), null)
    assert.match(ofSquares([1, 2 * LEAST, 0], [9, LEAST, 9]) ?? '', /^input 1, column 1: .* below this site's own$/)
  })

  it('of mean squares of which its own are next to nothing: 16 times as many for each of three sites', () => {
    assert.equal(ofSquares([1, 1, 1], [48, 48, 48]), null)
    assert.match(ofSquares([1, 1, 1], [48, 48, 48.125]) ?? '', /^input 1: the mean squares of all columns sum to .* 48/)
  })

  it('of mean squares of which its own are next to nothing in most columns: 128 times as many for each of them', () => {
    // A column is much larger than the others at all sites.
    const most = 3 * 128
    assert.equal(ofSquares([2 ** 20, 1, 1, 1], [2 ** 20, 1, most, most + 1]), null)
    assert.equal(ofSquares([2 ** 20, 1, 1, 1], [2 ** 20, most, most + 1, most + 1]), null)
    const far = [2 ** 20, most + 1, most + 1, most + 1]
    assert.match(ofSquares([2 ** 20, 1, 1, 1], far) ?? '', /^input 1: in most columns .* 384 times/)
  })

  it('but not of columns that its text hardly reaches, or not at all', () => {
    assert.equal(ofSquares([2 ** 20, 1, 1, 1], [2 ** 21, 2 ** 18, 2 ** 18, 1]), null)
    assert.equal(ofSquares([1, 0, 0, 0], [2, 2 ** 5, 2 ** 3, 1]), null)
    assert.equal(ofSquares([0, 0], [0, 1]), null)
  })

  it('of importances below its own', () => {
    const ofUnits = (own: number[], totals: number[]) =>
      doubtOf('importances', ofImportances([Float64Array.from(own)]), ofImportances([Float64Array.from(totals)]), 3)
    assert.equal(ofUnits([3, 5], [3, 6]), null)
    assert.match(ofUnits([3, 5], [6, 4]) ?? '', /^structure 0, unit 1: /)
  })

  it('of no products and no adapters: these may cancel each other out', () => {
    const [own, total] = [1n, -5n].map((value) => [Wholes.ofBigInts(8, [value])])
    for (const kind of ['products', 'adapters'] as const) assert.equal(doubtOf(kind, own, total, 3), null)
  })

  it('of votes that do not have its own among them', () => {
    const vector = (squares: number, keepers: number[], values: number[]) => [
      ...ofMeanSquares([Float32Array.of(squares)]),
      Wholes.ofBytes(Uint8Array.from(keepers)),
      Wholes.ofFloat64s(Float64Array.from(values)),
    ]
    const own = vector(1, [1, 0, 1], [7, 0, -5])
    const most = MOST_VALUE * 2 ** 24
    const doubt = (squares: number, keepers: number[], values: number[]) =>
      doubtOf('votes', own, vector(squares, keepers, values), 3) ?? ''
    assert.equal(doubt(1, [1, 2, 3], [7, 2 * most, 2 * most - 5]), '')
    assert.match(doubt(0.5, [1, 2, 3], [7, 0, 0]), /^input 0, column 0: /)
    const at = (weight: number) => new RegExp(`^layer 0, weight ${weight}: the total does not have`)
    assert.match(doubt(1, [0, 2, 3], [0, 0, 0]), at(0))
    assert.match(doubt(1, [1, 2, 3], [8, 0, 0]), at(0))
    assert.match(doubt(1, [1, 3, 3], [7, 0, 0]), at(1))
    assert.match(doubt(1, [1, 2, 3], [7, 2 * most + 1, 0]), at(1))
    assert.match(doubt(1, [1, 0, 2], [7, 0, most - 4]), at(2))
  })
})
