import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addAdapter } from '../../../src/merge/structures/adapter.ts'
import { Adapters } from '../../../src/recover/adapters.ts'
import { Random } from '../../support/random.ts'

const forms = [
  { inputs: [6], layers: [{ rows: 4, cols: 6, input: 0 }] },
  {
    inputs: [6, 4],
    layers: [
      { rows: 3, cols: 6, input: 0 },
      { rows: 5, cols: 4, input: 1 },
    ],
  },
]

describe('adapters', () => {
  it('begin without an effect: B is 0, A uniform within 1 / sqrt(columns), as a seed says', () => {
    const [one, same, other] = [7, 7, 8].map((seed) =>
      Adapters.start([{ inputs: [400], layers: [{ rows: 2, cols: 400, input: 0 }] }], 8, seed),
    )
    assert.deepEqual(one.values, same.values)
    assert.notDeepEqual(one.values, other.values)
    const { a, b } = one.of(0, 0)
    assert.ok(b.every((value) => value === 0))
    assert.ok(a.every((value) => Math.abs(value) <= 1 / 20))
    const variance = a.reduce((sum, value) => sum + value * value, 0) / a.length
    assert.ok(Math.abs(variance / (1 / 400 / 3) - 1) < 0.1, `${variance}`) // of a uniform number: bound^2 / 3
  })

  it('stand in one array, each number once', () => {
    const adapters = new Adapters(forms, 2)
    for (const [block, { layers }] of forms.entries()) {
      for (const [role, { rows, cols }] of layers.entries()) {
        const { a, b } = adapters.of(block, role)
        assert.deepEqual([a.length, b.length], [2 * cols, 2 * rows])
        for (const values of [a, b]) for (const i of values.keys()) values[i]++
      }
    }
    assert.ok(adapters.values.every((value) => value === 1))
    assert.throws(() => new Adapters(forms, 2, new Float32Array(3)), RangeError)
  })

  it('are added as scale B A, and under a mask leave zeros alone', () => {
    const random = new Random(5)
    const [rows, cols, rank, scale] = [3, 5, 2, 2]
    const adapter = {
      a: random.normals(cols * rank) as Float32Array<ArrayBuffer>,
      b: random.normals(rank * rows) as Float32Array<ArrayBuffer>,
    }
    const weight = random.normals(rows * cols).map((w, i) => (i % 3 === 0 ? 0 : w))
    const expected = (row: number, col: number): number => {
      let sum = 0
      for (let k = 0; k < rank; k++) sum += adapter.b[k * rows + row] * adapter.a[col * rank + k]
      return weight[row * cols + col] + scale * sum
    }
    for (const holdsZeros of [false, true]) {
      const changed = weight.slice()
      addAdapter(changed, adapter, { rank, scale, holdsZeros })
      for (const [i, value] of changed.entries()) {
        if (holdsZeros && weight[i] === 0) assert.equal(value, 0)
        else assert.ok(Math.abs(value - expected(Math.floor(i / cols), i % cols)) < 1e-6)
      }
    }
  })
})
