import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Matrix } from '../../../src/algebra/linear-algebra.ts'
import { PortableAlgebra } from '../../../src/algebra/portable-algebra.ts'
import { Random } from '../../support/random.ts'
import { bitsOf, TwinAlgebra } from './twin.ts'

/** Numbers whose products and sums are rounded, overflow, underflow, lose their sign or are none. */
const HOSTILE = [0, -0, 1, -1, 1 / 3, 1e-45, -1e-38, 1e-23, 3e38, -3.4028234663852886e38, 1 + 2 ** -23, 2 ** 24]
const NO_NUMBERS = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]

/** One for all cases: what a product leaves in the module's memory must not show in the next. */
const portable = new PortableAlgebra()
const twin = new TwinAlgebra()

type Numbers = (length: number) => Float32Array

interface Case {
  rows: number
  depth: number
  cols: number
  transposeA: boolean
  transposeB: boolean
  /** The contents of the matrices, by length. */
  numbers: Numbers
}

async function assertTwins({ rows, depth, cols, transposeA, transposeB, numbers }: Case): Promise<void> {
  const matrix = (high: number, wide: number): Matrix => ({ data: numbers(high * wide), rows: high, cols: wide })
  const a = transposeA ? matrix(depth, rows) : matrix(rows, depth)
  const b = transposeB ? matrix(cols, depth) : matrix(depth, cols)
  const c = matrix(rows, cols)
  const options = { transposeA, transposeB }
  const product = await portable.multiply(a, b, options)
  assert.deepEqual(bitsOf(product.data), bitsOf((await twin.multiply(a, b, options)).data))
  const rest = await portable.multiplySubtract(c, a, b, options)
  assert.deepEqual(bitsOf(rest.data), bitsOf((await twin.multiplySubtract(c, a, b, options)).data))
}

const normals: fc.Arbitrary<Numbers> = fc.integer().map((seed) => {
  const random = new Random(seed)
  return (length) => random.normals(length)
})

function chosenFrom(values: readonly number[]): fc.Arbitrary<Numbers> {
  return fc.integer().map((seed) => {
    const random = new Random(seed)
    return (length) => Float32Array.from({ length }, () => values[Math.floor(random.next() * values.length)])
  })
}

describe('portable products, bit for bit those in plain float32', () => {
  const cases = (numbers: fc.Arbitrary<Numbers>) =>
    fc.record({
      rows: fc.integer({ min: 0, max: 21 }),
      depth: fc.integer({ min: 0, max: 40 }),
      cols: fc.integer({ min: 0, max: 21 }),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      numbers,
    })
  for (const { name, numbers } of [
    { name: 'random numbers', numbers: normals },
    { name: 'numbers at the ends of float32', numbers: chosenFrom(HOSTILE) },
    { name: 'infinities and NaN among them', numbers: chosenFrom([...HOSTILE, ...NO_NUMBERS]) },
  ]) {
    it(`holds for every size: ${name}`, () => fc.assert(fc.asyncProperty(cases(numbers), assertTwins)))
  }

  // Sums are cut at 256 terms, and the work at 256 rows.
  for (const [rows, depth, cols] of [
    [255, 3, 9],
    [256, 4, 8],
    [257, 5, 7],
    [600, 2, 17],
    [6, 255, 5],
    [6, 256, 5],
    [6, 257, 5],
    [3, 1000, 130],
  ]) {
    it(`holds where it is cut: ${rows} x ${depth} times ${depth} x ${cols}`, async () => {
      const random = new Random(rows + depth)
      const numbers = (length: number) => random.normals(length)
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true])
          await assertTwins({ rows, depth, cols, transposeA, transposeB, numbers })
      }
    })
  }

  it('rounds each product before it is added', async () => {
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24, of which the last term is lost; a fused operation would keep it.
    const a = { data: Float32Array.of(-1, 1 + 2 ** -12), rows: 1, cols: 2 }
    const b = { data: Float32Array.of(1 + 2 ** -11, 1 + 2 ** -12), rows: 2, cols: 1 }
    assert.deepEqual((await portable.multiply(a, b)).data, Float32Array.of(0))
  })
})
