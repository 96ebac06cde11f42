import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NotPositiveError, upperFactorOfInverse } from '../../../src/algebra/factor.ts'
import type { LinearAlgebra, Matrix } from '../../../src/algebra/linear-algebra.ts'
import { Random } from '../../support/random.ts'
import { ALGEBRAS } from './algebras.ts'

/** Products of up to 50 terms of size 1 in float32. */
const TOLERANCE = 1e-5
/** Results of 100 calls are 3 MB until they are collected; a session leaked a call would be far more. */
const FLAT_BYTES = 8 * 2 ** 20

const random = new Random(41)
const matrix = (rows: number, cols: number): Matrix => ({ data: random.normals(rows * cols), rows, cols })

function plainProduct(a: Matrix, b: Matrix, transposeA: boolean, transposeB: boolean): number[] {
  const [rows, depth] = transposeA ? [a.cols, a.rows] : [a.rows, a.cols]
  const cols = transposeB ? b.rows : b.cols
  const out: number[] = []
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      let sum = 0
      for (let k = 0; k < depth; k++) {
        sum +=
          a.data[transposeA ? k * a.cols + i : i * a.cols + k] * b.data[transposeB ? j * b.cols + k : k * b.cols + j]
      }
      out.push(sum)
    }
  }
  return out
}

function assertClose(actual: Float32Array, expected: number[]): void {
  assert.equal(actual.length, expected.length)
  const error = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])))
  assert.ok(error <= TOLERANCE, `off by ${error}`)
}

for (const { name, open } of ALGEBRAS) {
  let linear: LinearAlgebra
  before(async () => {
    linear = await open()
  })
  after(() => linear.dispose())

  describe(`products of matrices by ${name}`, () => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        it(`multiplies, and subtracts a product: a${transposeA ? ' transposed' : ''} b${transposeB ? ' transposed' : ''}`, async () => {
          for (const [rows, depth, cols] of [
            [1, 1, 1],
            [3, 50, 17],
            [33, 7, 64],
          ]) {
            const a = transposeA ? matrix(depth, rows) : matrix(rows, depth)
            const b = transposeB ? matrix(cols, depth) : matrix(depth, cols)
            const c = matrix(rows, cols)
            const expected = plainProduct(a, b, transposeA, transposeB)
            const product = await linear.multiply(a, b, { transposeA, transposeB })
            assert.deepEqual([product.rows, product.cols], [rows, cols])
            assertClose(product.data, expected)
            const rest = await linear.multiplySubtract(c, a, b, { transposeA, transposeB })
            assertClose(
              rest.data,
              expected.map((value, i) => c.data[i] - value),
            )
          }
        })
      }
    }

    it('reads views', async () => {
      const store = Float32Array.of(9, 1, 2, 3, 4, 9)
      const a = { data: store.subarray(1, 5), rows: 2, cols: 2 }
      assert.deepEqual((await linear.multiply(a, a)).data, Float32Array.of(7, 10, 15, 22))
    })

    it('refuses matrices that do not fit', async () => {
      await assert.rejects(linear.multiply(matrix(2, 3), matrix(2, 3)), RangeError)
      await assert.rejects(linear.multiplySubtract(matrix(2, 2), matrix(2, 3), matrix(3, 3)), RangeError)
      await assert.rejects(linear.multiply({ ...matrix(2, 2), rows: 3 }, matrix(2, 2)), RangeError)
    })

    it('has zeros where a sum has no terms', async () => {
      const [tall, wide] = [matrix(3, 0), matrix(0, 2)]
      assert.deepEqual((await linear.multiply(tall, wide)).data, new Float32Array(6))
      const c = matrix(3, 2)
      assert.deepEqual((await linear.multiplySubtract(c, tall, wide)).data, c.data)
    })

    it('gives the same bits twice', async () => {
      const [a, b] = [matrix(70, 130), matrix(130, 90)]
      assert.deepEqual(await linear.multiply(a, b), await linear.multiply(a, b))
    })

    it('keeps resident memory flat over 100 calls', async () => {
      const [a, b, c] = [matrix(40, 60), matrix(60, 50), matrix(40, 50)]
      const calls = async (count: number) => {
        for (let i = 0; i < count; i++) {
          await linear.multiply(a, b)
          await linear.multiplySubtract(c, a, b)
        }
      }
      await calls(100)
      const before = process.memoryUsage.rss()
      await calls(100)
      const grown = process.memoryUsage.rss() - before
      assert.ok(grown <= FLAT_BYTES, `grew by ${grown} bytes`)
    })
  })

  describe(`the upper factor of an inverse, with products by ${name}`, () => {
    it('reports a matrix that is not positive, and leaves it as it was', async () => {
      const h = Float32Array.of(1, 2, 2, 1)
      await assert.rejects(upperFactorOfInverse(h, 2, linear), NotPositiveError)
      await assert.rejects(upperFactorOfInverse(Float32Array.of(Number.NaN), 1, linear), NotPositiveError)
      assert.deepEqual(h, Float32Array.of(1, 2, 2, 1))
    })

    it('has zeros below its diagonal and inverts: U H U^T is the identity', async () => {
      const size = 193
      const gram = random.gram(size, 3 * size)
      for (let i = 0; i < size; i++) gram[i * (size + 1)] += 5
      const upper = { data: await upperFactorOfInverse(gram, size, linear), rows: size, cols: size }
      const left = await linear.multiply(upper, { data: gram, rows: size, cols: size })
      const product = await linear.multiply(left, upper, { transposeB: true })
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          if (j < i) assert.equal(upper.data[i * size + j], 0)
          const error = Math.abs(product.data[i * size + j] - Number(i === j))
          assert.ok(error <= 1e-3, `entry ${i}, ${j} is off by ${error}`)
        }
      }
    })
  })
}
