import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lowestUnits } from '../../../../src/form/units.ts'
import {
  axisScores,
  type Importance,
  placeScores,
  type Reduction,
  unitScores,
  type Weighed,
} from '../../../../src/structure/choose/importance.ts'

interface Matrix {
  rows: number
  cols: number
  /** The structure lies along rows (0) or columns (1). */
  axis: 0 | 1
  weight: number[]
  gradient: number[]
}

/** A feed-forward part with a width of 2 and 4 channels, worked out by hand. */
const GATE: Matrix = {
  rows: 4,
  cols: 2,
  axis: 0,
  weight: [1, 1, 1, 0, 0, 0, 2, 1],
  gradient: [1, -1, 1, 5, 3, 7, 1, 2],
}
const UP: Matrix = { rows: 4, cols: 2, axis: 0, weight: [2, 0, 1, 1, 3, 3, 1, -1], gradient: [1, 9, 0, 1, 1, -1, 2, 2] }
const DOWN: Matrix = {
  rows: 2,
  cols: 4,
  axis: 1,
  weight: [1, 3, 2, 1, 1, 0, 1, 1],
  gradient: [1, 1, 1, 1, -1, 4, 2, 0],
}
const MEMBERS = [GATE, UP, DOWN]

function weigh(matrix: Matrix, importance: Importance, perUnit = 1): Weighed {
  const { rows, cols, axis } = matrix
  // The mean of squared gradients is, of one sample, the square.
  const gradient = importance === 'taylor2' ? matrix.gradient.map((g) => g * g) : matrix.gradient
  const count = (axis === 0 ? rows : cols) / perUnit
  const places = Array.from({ length: count }, (_, unit) =>
    Array.from({ length: perUnit }, (_, k) => unit * perUnit + k),
  )
  return {
    member: { tensor: '', axis, places },
    dims: [rows, cols],
    weight: Float32Array.from(matrix.weight),
    gradient: Float32Array.from(gradient),
  }
}

const scores = (importance: Importance, reduction: Reduction) => [
  ...unitScores(
    MEMBERS.map((matrix) => weigh(matrix, importance)),
    importance,
    reduction,
  ),
]

describe('importance, on an example by hand', () => {
  for (const [importance, expected] of [
    [
      'taylor1',
      [
        [2, 1, 0, 4],
        [2, 1, 6, 4],
        [2, 3, 4, 1],
      ],
    ],
    [
      'vector',
      [
        [0, 1, 0, 4],
        [2, 1, 0, 0],
        [0, 3, 4, 1],
      ],
    ],
    [
      'taylor2',
      [
        [2, 1, 0, 8],
        [4, 1, 18, 8],
        [2, 9, 8, 1],
      ],
    ],
  ] as const) {
    it(`${importance}, by member`, () => {
      const got = MEMBERS.map((matrix) => [...placeScores(weigh(matrix, importance), importance)])
      assert.deepEqual(got, expected)
    })
  }

  it('is added over members, or the most of them', () => {
    assert.deepEqual(scores('taylor1', 'sum'), [6, 5, 10, 9])
    assert.deepEqual(scores('taylor1', 'max'), [2, 3, 6, 4])
    assert.deepEqual(scores('vector', 'sum'), [2, 5, 4, 5])
    assert.deepEqual(scores('taylor2', 'sum'), [8, 11, 26, 17])
  })

  it('removes the least', () => {
    assert.deepEqual(lowestUnits(scores('taylor1', 'sum'), 1), [1])
    assert.deepEqual(lowestUnits(scores('taylor1', 'max'), 1), [0])
  })

  it('needs gradients, but for the size of weights', () => {
    const weight = Float32Array.of(-2, 3)
    assert.deepEqual([...axisScores({ weight }, [1, 2, 1], 'l2')], [4, 9])
    assert.throws(() => axisScores({ weight }, [1, 2, 1], 'taylor1'), RangeError)
  })
})

/** One feature a row, with gradients of 1. */
function row(values: number[]): Matrix {
  return { rows: values.length, cols: 1, axis: 0, weight: values, gradient: values.map(() => 1) }
}

describe('importance of heads', () => {
  it('credits queries to the keys that they share', () => {
    // Four queries, two keys, one feature a head.
    const queries = weigh(row([1, 1, 10, 0]), 'taylor1', 2)
    const keys = weigh(row([0, 0]), 'taylor1')
    assert.deepEqual([...unitScores([queries, keys], 'taylor1', 'sum')], [2, 10])
  })

  it('reduces members feature by feature before it adds the features of a head', () => {
    const [a, b] = [weigh(row([1, 4, 2, 2]), 'taylor1', 2), weigh(row([3, 1, 0, 1]), 'taylor1', 2)]
    assert.deepEqual([...unitScores([a, b], 'taylor1', 'max')], [7, 4])
  })
})
