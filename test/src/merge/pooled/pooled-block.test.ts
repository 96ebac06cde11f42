import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PortableAlgebra } from '../../../../src/algebra/portable-algebra.ts'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import { float16Of } from '../../../../src/form/fp16.ts'
import { isKept } from '../../../../src/form/mask.ts'
import { applyMerged, encodeMergedBlock } from '../../../../src/merge/masks/merged-block.ts'
import { addProducts, pooledStatistics, solvePooled } from '../../../../src/merge/pooled/pooled-block.ts'
import { productsOf, unitOf } from '../../../../src/merge/pooled/products.ts'
import { totalsOf } from '../../../../src/merge/pooled/totals.ts'
import { Solvers } from '../../../../src/prune/run/solvers.ts'
import { factorise, sparsegpt } from '../../../../src/prune/sparsegpt/sparsegpt.ts'
import { Random } from '../../../support/random.ts'

let solvers: Solvers
before(async () => {
  solvers = await Solvers.create(1, 'portable')
})
after(() => solvers[Symbol.asyncDispose]())

const COLS = 24
const ROWS = 16
const TOKENS = 200
const FORM: BlockForm = { inputs: [COLS], layers: [{ rows: ROWS, cols: COLS, input: 0 }] }
const METHOD = { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } } as const

/** Activations of a site: each has a direction that is much larger than the others. */
function activations(random: Random, site: number): Float32Array {
  return Float32Array.from({ length: TOKENS * COLS }, (_, at) => {
    return random.normal() * (at % COLS === site ? 8 : 1) + (at % 3 === 0 ? 0.5 : 0)
  })
}

function gramOf(rows: readonly Float32Array[]): Float32Array {
  const gram = new Float32Array(COLS * COLS)
  for (const x of rows)
    for (let t = 0; t < x.length; t += COLS)
      for (let i = 0; i < COLS; i++) for (let j = i; j < COLS; j++) gram[i * COLS + j] += x[t + i] * x[t + j]
  return gram
}

/** The offer of a site, given the totals of all. */
function offer(x: Float32Array) {
  const gram = gramOf([x])
  const meanSquares = Float32Array.from({ length: COLS }, (_, i) => gram[i * (COLS + 1)] / TOKENS)
  const above = [...Array(COLS).keys()].flatMap((i) =>
    [...Array(COLS).keys()].slice(i + 1).map((j) => gram[i * COLS + j] / TOKENS),
  )
  return { meanSquares, above: Float32Array.from(above) }
}

describe('the merge of pooled moments', () => {
  const random = new Random(7)
  const texts = [0, 1, 2, 3].map((site) => activations(random, site))
  const base = [Float32Array.from({ length: ROWS * COLS }, () => random.normal())]
  const offers = texts.map(offer)
  const totals = totalsOf(
    FORM,
    offers.map(({ meanSquares }) => ({ inputs: [meanSquares] })),
  )
  const solve = async (members: number, order = offers) => {
    const unit = unitOf(COLS, members)
    const sent = order.map(({ above, meanSquares }) => [productsOf(above, meanSquares, totals[0], unit)])
    const products = addProducts(FORM, sent)
    return solvePooled({ form: FORM, method: METHOD, base }, { meanSquares: totals, products, members }, solvers)
  }

  it('is nearly what SparseGPT gives on all texts in one place, and closer with more bits', async () => {
    const factor = await factorise(gramOf(texts), COLS, 2 / TOKENS, COLS, new PortableAlgebra())
    const whole = await sparsegpt(
      { weight: base[0], rows: ROWS, cols: COLS, factor },
      METHOD.target,
      new PortableAlgebra(),
    )
    const distances: number[] = []
    for (const members of [4, 17]) {
      const { block, damping } = await solve(members)
      assert.deepEqual(damping, [0.01])
      assert.deepEqual(block.layers[0].mask, whole.mask)
      const [weight] = applyMerged(FORM, base, block)
      distances.push(Math.max(...weight.map((value, i) => Math.abs(value - whole.weight[i]))))
    }
    assert.ok(distances[0] < 0.01, `16 bits: ${distances[0]}`)
    assert.ok(distances[1] < 0.002, `24 bits, and fp16: ${distances[1]}`)
  })

  it('has the same bits whatever the order of members', async () => {
    const [one, other] = [await solve(4), await solve(4, offers.toReversed())]
    assert.deepEqual(encodeMergedBlock(FORM, one.block), encodeMergedBlock(FORM, other.block))
  })

  it('damps what is no Gram matrix until it can be solved, and says so', async () => {
    const unit = unitOf(COLS, 4)
    const products = [Int32Array.from({ length: (COLS * (COLS - 1)) / 2 }, (_, i) => (i % 2 === 0 ? unit : -unit))]
    const { block, damping } = await solvePooled(
      { form: FORM, method: METHOD, base },
      { meanSquares: totals, products, members: 4 },
      solvers,
    )
    assert.ok(Number(damping[0]) > 0.01 && Number(damping[0]) <= 1e7, `damping ${damping[0]}`)
    assert.ok(float16Of(block.layers[0].survivors ?? new Uint16Array()).every(Number.isFinite))
  })

  it('prunes a column first that nothing has passed anywhere', async () => {
    const dead = offers.map(({ meanSquares, above }) => ({ meanSquares: meanSquares.with(5, 0), above }))
    const zeros = totalsOf(
      FORM,
      dead.map(({ meanSquares }) => ({ inputs: [meanSquares] })),
    )
    const sent = dead.map(({ above, meanSquares }) => [productsOf(above, meanSquares, zeros[0], unitOf(COLS, 4))])
    const moments = { meanSquares: zeros, products: addProducts(FORM, sent), members: 4 }
    const { block } = await solvePooled({ form: FORM, method: METHOD, base }, moments, solvers)
    for (let row = 0; row < ROWS; row++) assert.ok(!isKept(block.layers[0].mask, row * COLS + 5))
  })
})

describe('pooled mean squares', () => {
  it('are means of exact sums', () => {
    const meanSquares = totalsOf({ inputs: [2], layers: [] }, [
      { inputs: [Float32Array.of(1, 2 ** 40)] },
      { inputs: [Float32Array.of(2, 2 ** -20)] },
    ])
    const [means] = pooledStatistics({ meanSquares, sites: 2 })
    assert.deepEqual(means, Float32Array.of(1.5, 2 ** 39))
  })
})
