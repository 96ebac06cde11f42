import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { LinearAlgebra } from '../../../../src/algebra/linear-algebra.ts'
import { InputError } from '../../../../src/base/errors.ts'
import { factorise } from '../../../../src/prune/sparsegpt/hessian.ts'
import { Random } from '../../../support/random.ts'
import { ALGEBRAS } from '../../algebra/algebras.ts'
import { inverse, upperCholesky } from './sparsegpt-twin.ts'

/** A share of the largest entry. Damping bounds H's condition by 100 times its size, which multiplies 6e-8. */
const TOLERANCE = 1e-4

for (const { name, open } of ALGEBRAS) {
  describe(`the factor of a Hessian, with products by ${name}`, () => {
    let linear: LinearAlgebra
    before(async () => {
      linear = await open()
    })
    after(() => linear.dispose())

    for (const { size, width } of [
      { size: 1, width: 128 },
      { size: 5, width: 128 },
      { size: 64, width: 128 },
      { size: 65, width: 30 },
      { size: 129, width: 128 },
      { size: 200, width: 64 },
    ]) {
      it(`holds blocks of U of H^-1 = U^T U as in float64, for ${size} features by ${width}`, async () => {
        const gram = new Random(size).gram(size, 2 * size)
        const { blocks, damping, dead } = await factorise(gram, size, 0.5, width, linear)
        assert.equal(damping, 0.01)
        assert.deepEqual(dead, new Uint8Array(size))
        const h = Array.from({ length: size }, (_, i) =>
          Array.from({ length: size }, (_, j) => 0.5 * gram[i * size + j]),
        )
        const mean = h.reduce((sum, row, i) => sum + row[i], 0) / size
        for (let i = 0; i < size; i++) h[i][i] += 0.01 * mean
        const u = upperCholesky(inverse(h))
        const largest = Math.max(...u.flat().map(Math.abs))
        let next = 0
        for (const { start, width: cols, corner, reach } of blocks) {
          assert.equal(start, next)
          next += cols
          for (let j = 0; j < cols; j++) {
            for (let i = 0; i < cols; i++) {
              const error = Math.abs(corner[i * cols + j] - u[start + i][start + j])
              assert.ok(error <= TOLERANCE * largest, `corner at ${start}, entry ${i}, ${j} is off by ${error}`)
            }
            // U_AA (M_AB U_BB) = -U_AB
            for (let i = 0; i < start; i++) {
              let sum = u[i][start + j]
              for (let k = i; k < start; k++) sum += u[i][k] * reach[k * cols + j]
              assert.ok(Math.abs(sum) <= TOLERANCE * largest, `reach at ${start}, entry ${i}, ${j} is off by ${sum}`)
            }
          }
        }
        assert.equal(next, size)
      })
    }

    it('does not depend on values below the diagonal', async () => {
      const gram = new Random(31).gram(150, 200)
      const half = gram.map((value, at) => (at % 150 < Math.floor(at / 150) ? Number.NaN : value))
      assert.deepEqual(await factorise(half, 150, 0.5, 128, linear), await factorise(gram, 150, 0.5, 128, linear))
    })

    it('leaves dead features out of the others, in one factor with them', async () => {
      const gram = Float32Array.of(2, 0, 1, 0, 0, 0, 1, 0, 2)
      const { blocks, dead } = await factorise(gram, 3, 1, 128, linear)
      const upper = blocks[0].corner
      assert.deepEqual(dead, Uint8Array.of(0, 1, 0))
      assert.equal(upper[1], 0)
      assert.equal(upper[5], 0)
      assert.ok(upper[4] > 0)
    })

    it('takes a feature set that is dead as a whole', async () => {
      const { blocks, dead, damping } = await factorise(new Float32Array(4), 2, 1, 128, linear)
      const upper = blocks[0].corner
      assert.deepEqual(dead, Uint8Array.of(1, 1))
      assert.equal(damping, 0.01)
      assert.ok(Math.abs(upper[0] - 1 / Math.sqrt(1.01)) < 1e-6)
    })

    it('raises the damping tenfold where a pivot is not positive, and says so', async () => {
      // 1.01^2 < 1.05^2 < 1.1^2
      assert.equal((await factorise(Float32Array.of(1, 1.05, 1.05, 1), 2, 1, 128, linear)).damping, 0.1)
      assert.equal((await factorise(Float32Array.of(1, 1.5, 1.5, 1), 2, 1, 128, linear)).damping, 1)
    })

    it('raises it for a large matrix too, where the pivot fails behind products', async () => {
      const size = 140
      const gram = new Float32Array(size * size)
      for (let i = 0; i < size; i++) gram[i * (size + 1)] = 1
      gram[size - 1] = gram[(size - 1) * size] = 1.05
      assert.equal((await factorise(gram, size, 1, 128, linear)).damping, 0.1)
    })

    it('gives up where even the largest damping does not help', async () => {
      await assert.rejects(factorise(Float32Array.of(1, 100, 100, 1), 2, 1, 128, linear), (error) => {
        assert.ok(error instanceof InputError && error.code === 'HESSIAN_NOT_POSITIVE')
        return true
      })
    })

    it('refuses NaN, infinities and values that overflow with the scale', async () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
        const gram = Float32Array.of(1, value, value, 1)
        await assert.rejects(factorise(gram, 2, 2, 128, linear), { code: 'NOT_FINITE' }, `${value}`)
      }
    })
  })
}
