import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import { fp16Bits } from '../../../../src/form/fp16.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { ofMeanSquares, ofProducts } from '../../../../src/merge/masked/plain.ts'
import {
  adapterTotals,
  assertHonestMean,
  importanceTotals,
  meanSquareTotals,
  productTotals,
} from '../../../../src/merge/masked/totals.ts'
import { meanSquaresForm, productsForm } from '../../../../src/merge/masked/vector.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { productsOf, unitOf } from '../../../../src/merge/pooled/products.ts'
import { RANK } from '../../../../src/merge/structures/adapter.ts'
import { TOTAL } from '../../../../src/merge/structures/scaled-importances.ts'
import { Random } from '../../../support/random.ts'
import { openedSum } from './opening.ts'

/** Three sites and two columns: G_1 = [[4, 2], [2, 1]], G_2 = [[1, 0], [0, 9]], G_3 = [[4, -6], [-6, 9]]. */
const SITES = [
  { squares: Float32Array.of(4, 1), product: 2 },
  { squares: Float32Array.of(1, 9), product: 0 },
  { squares: Float32Array.of(4, 9), product: -6 },
]
const FORM: BlockForm = { inputs: [2], layers: [] }

const refused = (task: () => unknown, reason: RegExp) =>
  assert.throws(task, (error) => error instanceof ImpossibleTotalError && reason.test(error.reason))

describe('totals of masked vectors', () => {
  it('are those of the worked example, in 16 and in 24 bits', () => {
    const squares = SITES.map(({ squares }) => ofMeanSquares([squares]))
    const [totals] = meanSquareTotals(openedSum(meanSquaresForm(FORM), squares), 3)
    assert.deepEqual(totals, Float64Array.of(9, 19))
    for (const [members, sent, total, product] of [
      [3, [5002, 0, -15_006], -10_004, '-4.0001'],
      [17, [1_282_976, 0, -3_848_928], -2_565_952, '-4.00000005'],
    ] as const) {
      const unit = unitOf(2, members)
      const offers: Int32Array[][] = SITES.map(({ squares, product }) => [
        productsOf(Float32Array.of(product), squares, totals, unit),
      ])
      assert.deepEqual(
        offers.map(([[value]]) => value),
        sent,
      )
      const vectors = offers.map((own) => ofProducts(FORM, own, members))
      const sums = openedSum(productsForm(FORM, members), vectors, { members, list: [0, 1, 2] })
      const [[sum]] = productTotals(sums, FORM.inputs, { sites: 3, members })
      assert.equal(sum, total)
      assert.equal(((sum / unit) * Math.sqrt(9 * 19)).toFixed(product.length - 3), product)
    }
  })

  it('of mean squares are refused from 2^47 a site on', () => {
    const totalsOf = (total: bigint) => meanSquareTotals([Wholes.ofBigInts(16, [0n, total])], 3)
    const end = 3n << 119n
    assert.equal(totalsOf(end - 1n)[0][1], 3 * 2 ** 47)
    for (const total of [end, -1n]) refused(() => totalsOf(total), /^input 0, column 1: /)
  })

  it('of products are refused beyond the unit and half of one a site', () => {
    const inputs = [2, 3]
    for (const members of [3, 17]) {
      const most = unitOf(3, members) + 2
      const totalsOf = (total: number) => {
        const sums = ofProducts({ inputs, layers: [] }, [Int32Array.of(0), Int32Array.of(0, 0, total)], members)
        return productTotals(sums, inputs, { sites: 3, members })
      }
      assert.equal(totalsOf(most)[1][2], most)
      assert.equal(totalsOf(-most)[1][2], -most)
      for (const total of [most + 1, -most - 1]) refused(() => totalsOf(total), /^input 1, product 2: /)
    }
  })

  it('of importances are refused where a structure has another sum', () => {
    const totalsOf = (...totals: bigint[]) => {
      const first = Wholes.ofBigInts(8, [BigInt(2 * TOTAL)])
      return importanceTotals([first, Wholes.ofBigInts(8, totals)], 2)
    }
    const all = BigInt(2 * TOTAL)
    assert.deepEqual(totalsOf(all - 1n, 1n)[1], Float64Array.of(2 * TOTAL - 1, 1))
    refused(() => totalsOf(all - 1n, 0n), /^structure 1: /)
    refused(() => totalsOf(all + 1n, 0n), /^structure 1, unit 0: /)
    refused(() => totalsOf(all + 1n, -1n), /^structure 1, unit 0: /)
  })

  it('of adapters are refused where they are no sum of fp16 numbers, or their mean is none', () => {
    const totalsOf = (total: bigint) => {
      const parts = [0n, 0n, 0n, total].map((value) => Wholes.ofBigInts(8, [0n, value]))
      return adapterTotals(parts, 2)
    }
    const step = 2n ** 16n
    const most = (2n * 65_504n) << 40n
    assert.equal(totalsOf(-step).sums[1].b[1], -(2 ** -24))
    assert.equal(totalsOf(most).sums[1].b[1], 2 * 65_504)
    const place = /^layer 1, number 1 of the adapter's B/
    refused(() => totalsOf(1n), place)
    refused(() => totalsOf((2n * 65_520n) << 40n), place)
    refused(() => totalsOf(-((2n * 65_520n) << 40n)), place)
  })

  it('of adapters are refused where the mean is beyond the bounds of a single contribution', () => {
    const base = [new Random(3).normals(12)]
    const start = { a: new Float32Array(RANK * 3), b: new Float32Array(RANK * 4) }
    const check = (b: number) => {
      const adapters = [{ a: fp16Bits(start.a), b: fp16Bits(start.b.map(() => b)) }]
      assertHonestMean(base, { steps: 10, starts: [start] }, adapters)
    }
    check(0.0019)
    refused(() => check(0.0021), /^mean of the adapters, layer 0: /)
  })
})
