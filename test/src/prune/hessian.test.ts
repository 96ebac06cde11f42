import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { LinearAlgebra } from '../../../src/engine/linear-algebra.ts'
import { InputError } from '../../../src/errors.ts'
import { factorise } from '../../../src/prune/hessian.ts'
import { Random } from './random.ts'
import { inverse, upperCholesky } from './sparsegpt-twin.ts'

let linear: LinearAlgebra
before(async () => {
  linear = await LinearAlgebra.create()
})
after(() => linear.dispose())

/** Of the largest entry. Damping bounds the condition of H by 100 times its size, which multiplies float32's 6e-8. */
const TOLERANCE = 1e-4

describe('the factor of a Hessian', () => {
  for (const size of [1, 5, 64, 65, 129, 200]) {
    it(`is U of H^-1 = U^T U as in float64, for ${size} features`, async () => {
      const gram = new Random(size).gram(size, 2 * size)
      const { upper, damping, dead } = await factorise(gram, size, 0.5, linear)
      assert.equal(damping, 0.01)
      assert.deepEqual(dead, new Uint8Array(size))
      const h = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => 0.5 * gram[i * size + j]))
      const mean = h.reduce((sum, row, i) => sum + row[i], 0) / size
      for (let i = 0; i < size; i++) h[i][i] += 0.01 * mean
      const twin = upperCholesky(inverse(h)).flat()
      const largest = Math.max(...twin.map(Math.abs))
      const error = Math.max(...twin.map((value, i) => Math.abs(value - upper[i])))
      assert.ok(error <= TOLERANCE * largest, `off by ${error}, largest ${largest}`)
    })
  }

  it('does not depend on what lies below the diagonal', async () => {
    const gram = new Random(31).gram(150, 200)
    const half = gram.map((value, at) => (at % 150 < Math.floor(at / 150) ? Number.NaN : value))
    assert.deepEqual(await factorise(half, 150, 0.5, linear), await factorise(gram, 150, 0.5, linear))
  })

  it('leaves dead features out of the others, in one factor with them', async () => {
    const gram = Float32Array.of(2, 0, 1, 0, 0, 0, 1, 0, 2)
    const { upper, dead } = await factorise(gram, 3, 1, linear)
    assert.deepEqual(dead, Uint8Array.of(0, 1, 0))
    assert.equal(upper[1], 0)
    assert.equal(upper[5], 0)
    assert.ok(upper[4] > 0)
  })

  it('takes a feature set that is dead as a whole', async () => {
    const { upper, dead, damping } = await factorise(new Float32Array(4), 2, 1, linear)
    assert.deepEqual(dead, Uint8Array.of(1, 1))
    assert.equal(damping, 0.01)
    assert.ok(Math.abs(upper[0] - 1 / Math.sqrt(1.01)) < 1e-6)
  })

  it('raises the damping tenfold where a pivot is not positive, and says so', async () => {
    // 1.01^2 < 1.05^2 < 1.1^2
    assert.equal((await factorise(Float32Array.of(1, 1.05, 1.05, 1), 2, 1, linear)).damping, 0.1)
    assert.equal((await factorise(Float32Array.of(1, 1.5, 1.5, 1), 2, 1, linear)).damping, 1)
  })

  it('raises it for a large matrix too, where the pivot fails behind products', async () => {
    const size = 140
    const gram = new Float32Array(size * size)
    for (let i = 0; i < size; i++) gram[i * (size + 1)] = 1
    gram[size - 1] = gram[(size - 1) * size] = 1.05
    assert.equal((await factorise(gram, size, 1, linear)).damping, 0.1)
  })

  it('gives up where even the largest damping does not help', async () => {
    await assert.rejects(factorise(Float32Array.of(1, 100, 100, 1), 2, 1, linear), (error) => {
      assert.ok(error instanceof InputError && error.code === 'HESSIAN_NOT_POSITIVE')
      return true
    })
  })

  it('refuses NaN, infinities and values that overflow with the scale', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
      const gram = Float32Array.of(1, value, value, 1)
      await assert.rejects(factorise(gram, 2, 2, linear), { code: 'NOT_FINITE' }, `${value}`)
    }
  })
})
