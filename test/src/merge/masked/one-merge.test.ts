import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fp16Bits } from '../../../../src/form/fp16.ts'
import type { StructuredTarget } from '../../../../src/form/method.ts'
import type { StructuredForm } from '../../../../src/form/structured-form.ts'
import { ofAdapters, ofImportances, ofMeanSquares, ofProducts } from '../../../../src/merge/masked/plain.ts'
import {
  adapterTotals,
  importanceTotals,
  meanSquareTotals,
  productTotals,
} from '../../../../src/merge/masked/totals.ts'
import {
  adaptersForm,
  importancesForm,
  meanSquaresForm,
  productsForm,
  votesForm,
} from '../../../../src/merge/masked/vector.ts'
import { ofVotes, votesTally } from '../../../../src/merge/masked/votes.ts'
import type { BlockCase } from '../../../../src/merge/masks/block-case.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { mergeBlock, mergeTally } from '../../../../src/merge/masks/l0.ts'
import { encodeMergedBlock } from '../../../../src/merge/masks/merged-block.ts'
import { validateContribution } from '../../../../src/merge/masks/validate.ts'
import { addProducts, pooledStatistics } from '../../../../src/merge/pooled/pooled-block.ts'
import { pairsOf, productsOf, unitOf } from '../../../../src/merge/pooled/products.ts'
import { encodeTotals, totalsOf } from '../../../../src/merge/pooled/totals.ts'
import { RANK } from '../../../../src/merge/structures/adapter.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import { encodeStructuredBlock } from '../../../../src/merge/structures/structured-block.ts'
import { mergeStructured, mergeTotals } from '../../../../src/merge/structures/structured-merge.ts'
import { Random } from '../../../support/random.ts'
import { prunedLike, toyArbitrary } from '../../../support/toy-blocks.ts'
import { openedSum } from './opening.ts'

describe('masked vectors merge to the same bytes as plain contributions', () => {
  it('where one mask is chosen by mean squares, and where their totals are certified', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom('wanda', 'magnitude'), ({ form, target, base, statistics }, pruner) => {
        const sites = statistics.length
        const vectors = statistics.map(({ inputs }) => ofMeanSquares(inputs))
        const plain = { sites, meanSquares: totalsOf(form, statistics) }
        const masked = { sites, meanSquares: meanSquareTotals(openedSum(meanSquaresForm(form), vectors), sites) }
        assert.deepEqual(encodeTotals(masked.meanSquares), encodeTotals(plain.meanSquares))
        const merged = (totals: typeof plain) =>
          encodeMergedBlock(
            form,
            mergeBlock({ form, base, method: { pruner, target } }, [{ inputs: pooledStatistics(totals) }]),
          )
        assert.deepEqual(merged(masked), merged(plain))
      }),
    )
  })

  it('where moments are solved: their sums of products are the same', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom(0, 20), fc.nat(), ({ form, statistics }, silent, seed) => {
        const random = new Random(seed)
        const sites = statistics.length
        const members = sites + silent
        const totals = totalsOf(form, statistics)
        const offers = statistics.map(({ inputs }) =>
          inputs.map((squares, input) => {
            const gram = Float32Array.from({ length: pairsOf(squares.length) }, () => 1e6 * random.normal())
            return productsOf(gram, squares, totals[input], unitOf(squares.length, members))
          }),
        )
        const vectors = offers.map((products) => ofProducts(form, products, members))
        const sums = openedSum(productsForm(form, members), vectors, { members, list: [...vectors.keys()] })
        assert.deepEqual(productTotals(sums, form.inputs, { sites, members }), addProducts(form, offers))
      }),
    )
  })

  it('where each site has a vote on each weight: a mask alone', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom('wanda', 'magnitude'), (toy, pruner) =>
        assertOneVote({ ...toy, method: { pruner, target: toy.target } }, toy.statistics),
      ),
    )
  })

  it('where each site has a vote on each weight: masks and values', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.nat(), fc.nat({ max: 3 }), ({ form, target, weights }, seed, gone) => {
        const random = new Random(seed)
        // Few values, so that saliencies are equal now and then.
        const base = form.layers.map(({ rows, cols }) => random.normals(rows * cols).map((w) => Math.round(4 * w) / 4))
        const sites = weights.map(() => prunedLike({ form, target, base }, random))
        for (const site of sites)
          validateContribution({ form, method: { pruner: 'sparsegpt', target }, base }, 'weights', site)
        assertOneVote({ form, base, method: { pruner: 'sparsegpt', target } }, sites, gone)
      }),
    )
  })

  it('where structures are removed and adapters averaged', () => {
    const site = fc.record({ heads: floats(2), channels: floats(5), numbers: fc.infiniteStream(FP16) })
    fc.assert(
      fc.property(fc.array(site, { minLength: 1, maxLength: 6 }), fc.nat({ max: 3 }), (offers, late) => {
        const importances = offers.map(({ heads, channels }) => [scaledImportances(heads), scaledImportances(channels)])
        const trained = offers.slice(Math.min(late, offers.length - 1)).map(({ numbers }) => {
          const take = (size: number) => Uint16Array.from({ length: size }, () => numbers.next().value)
          return STRUCTURED.layers.map(({ rows, cols }) => ({ a: take(RANK * cols), b: take(RANK * rows) }))
        })
        const plain = mergeStructured(STRUCTURED, HALF, 1, [
          ...importances.map((own) => ({ importances: own })),
          ...trained.map((adapters) => ({ adapters })),
        ])
        const units = openedSum(importancesForm(STRUCTURED), importances.map(ofImportances))
        const factors = openedSum(adaptersForm(STRUCTURED), trained.map(ofAdapters))
        const masked = mergeTotals(STRUCTURED, HALF, 1, {
          importances: importanceTotals(units, importances.length),
          adapters: adapterTotals(factors, trained.length),
        })
        assert.deepEqual(encodeStructuredBlock(STRUCTURED, masked), encodeStructuredBlock(STRUCTURED, plain))
      }),
    )
  })
})

/** @param gone - members that are not in the list */
function assertOneVote(block: BlockCase, contributions: readonly BlockContribution[], gone = 0): void {
  const { form, method } = block
  const names = form.layers.map((_, role) => `${role}`)
  const vectors = contributions.map((each) => ofVotes(block, each, names))
  const members = contributions.length + gone
  const list = contributions.map((_, i) => i + gone)
  const sums = openedSum(votesForm(form, method.pruner), vectors, { members, list })
  const masked = mergeTally(block, votesTally(block, sums, contributions.length))
  assert.deepEqual(encodeMergedBlock(form, masked), encodeMergedBlock(form, mergeBlock(block, contributions)))
}

const HALF: StructuredTarget = { kind: 'structured', ppm: 500_000, from: 0, to: 2, steps: 1 }
const STRUCTURED: StructuredForm = {
  layers: [
    { rows: 4, cols: 3, input: 0 },
    { rows: 3, cols: 5, input: 1 },
  ],
  structures: [
    { units: 2, places: 2, members: [] },
    { units: 5, places: 1, members: [] },
  ],
}
/** Bits of finite fp16 values but -0. */
const FP16 = fc.float({ min: -65_504, max: 65_504, noNaN: true }).map((value) => fp16Bits(Float32Array.of(value))[0])

function floats(length: number): fc.Arbitrary<Float32Array> {
  const value = fc.float({ min: 0, noNaN: true, noDefaultInfinity: true })
  return fc.array(value, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values, Math.abs))
}
