import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import { InvalidContributionError } from '../../../../src/merge/errors.ts'
import { addProducts } from '../../../../src/merge/pooled/pooled-block.ts'
import {
  decodeProducts,
  encodeProducts,
  pairsOf,
  productsBytes,
  productsOf,
  unitOf,
} from '../../../../src/merge/pooled/products.ts'
import { sumOfMeanSquares } from '../../../../src/merge/sums/exact-sum.ts'

const FEW = 3
/** With more than 16 members a product has 24 bits. */
const MANY = 17

/** Three sites and two columns: G_1 = [[4, 2], [2, 1]], G_2 = [[1, 0], [0, 9]], G_3 = [[4, -6], [-6, 9]]. */
const SITES = [
  { squares: [4, 1], product: 2 },
  { squares: [1, 9], product: 0 },
  { squares: [4, 9], product: -6 },
]
const TOTALS = Float64Array.of(9, 19)

const offered = (unit: number) =>
  SITES.map(({ squares, product }) => {
    return productsOf(Float32Array.of(product), Float32Array.from(squares), TOTALS, unit)[0]
  })

const formOf = (...inputs: number[]): BlockForm => ({ inputs, layers: [] })

describe('products', () => {
  it('are the shares of the totals, in 16 or 24 bits', () => {
    assert.equal(unitOf(2, FEW), 32_704)
    assert.equal(unitOf(2, MANY), 8_388_544)
    assert.equal(unitOf(8193, FEW), 8_388_544)
    assert.deepEqual(offered(32_704), [5002, 0, -15_006])
    assert.deepEqual(offered(8_388_544), [1_282_976, 0, -3_848_928])
    const [sum] = addProducts(
      formOf(2),
      offered(8_388_544).map((value) => [Int32Array.of(value)]),
    )
    assert.deepEqual([...sum], [-2_565_952])
    assert.equal(((sum[0] / 8_388_544) * Math.sqrt(9 * 19)).toFixed(8), '-4.00000005')
    assert.equal(((-10_004 / 32_704) * Math.sqrt(9 * 19)).toFixed(4), '-4.0001')
  })

  it('never add up to more than one and half a unit of rounding each, whatever the Gram matrices are', () => {
    const value = fc.float({ min: -1000, max: 1000, noNaN: true })
    const site = fc.record({ squares: fc.tuple(value, value), product: value })
    fc.assert(
      fc.property(fc.array(site, { minLength: 1, maxLength: 64 }), (sites) => {
        const own = sites.map(({ squares }) => Float32Array.from(squares, Math.abs))
        const totals = Float64Array.of(0, 0).map((_, j) => sumOfMeanSquares(own.map((squares) => squares[j])))
        for (const unit of [unitOf(2, FEW), unitOf(2, MANY)]) {
          const all = sites.map(({ product }, i) => productsOf(Float32Array.of(product), own[i], totals, unit)[0])
          assert.ok(Math.abs(all.reduce((sum, each) => sum + each, 0)) <= unit + Math.ceil(sites.length / 2))
        }
      }),
    )
  })

  it('are shares of what is added up of mean squares so small that they are rounded', () => {
    const own = [1.4, 0.7, 0.4].map((least) => Float32Array.of(1, least * 2 ** -72))
    const totals = Float64Array.of(0, 0).map((_, j) => sumOfMeanSquares(own.map((squares) => squares[j])))
    assert.deepEqual(totals, Float64Array.of(3, 2 ** -71))
    const all = own.map((squares) => productsOf(Float32Array.of(1), squares, totals, 32_704)[0])
    assert.deepEqual(all, [13_351, 13_351, 0]) // 1 / sqrt(6)
  })

  it('are zero in a column that nothing has passed at any site', () => {
    const products = productsOf(Float32Array.of(0, 0, 1), Float32Array.of(0, 1, 1), Float64Array.of(0, 1, 1), 100)
    assert.deepEqual(products, Int32Array.of(0, 0, 100))
  })

  it('have one encoding, and its length is known before', () => {
    const members = fc.constantFrom(FEW, MANY)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }), members, (inputs, n) => {
        const form = formOf(...inputs)
        const products = inputs.map((cols) => {
          const unit = unitOf(cols, n)
          return Int32Array.from({ length: pairsOf(cols) }, (_, i) => [unit, -unit, -1, 0, 257][i % 5])
        })
        const bytes = encodeProducts(form, products, n)
        assert.equal(bytes.length, productsBytes(form, n))
        assert.deepEqual(decodeProducts(form, bytes, n), products)
      }),
    )
  })

  it('are refused beyond the unit, too short or too long, and of another version', () => {
    const form = formOf(3)
    const good = encodeProducts(form, [Int32Array.of(1, 2, 3)], FEW)
    const refused = (bytes: Uint8Array, reason: string) =>
      assert.throws(
        () => decodeProducts(form, bytes, FEW),
        (error) => error instanceof InvalidContributionError && error.reason === reason,
      )
    refused(encodeProducts(form, [Int32Array.of(1, 32_705, 3)], FEW), 'VALUE')
    refused(encodeProducts(form, [Int32Array.of(-32_705, 2, 3)], FEW), 'VALUE')
    refused(good.subarray(0, -1), 'LENGTH')
    refused(Uint8Array.of(...good, 0), 'LENGTH')
    refused(good.with(4, 9), 'VERSION')
    refused(good.with(0, 0), 'MAGIC')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeProducts(form, bytes, FEW)
        } catch (error) {
          assert.ok(error instanceof InvalidContributionError)
        }
      }),
    )
  })
})
