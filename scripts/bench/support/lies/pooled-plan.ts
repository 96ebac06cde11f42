/**
 * A plan that pools, as its sites compute it, where one of them may lie: group after group each site measures what its
 * text shows, behind the blocks that all have merged. The sums decide, and every honest site judges them: by its own
 * part, and by its own text.
 */
import type { BlockForm } from '../../../../src/form/block-form.ts'
import type { BlockWeights } from '../../../../src/form/block-weights.ts'
import type { SparseMethod } from '../../../../src/form/method.ts'
import { meansAbove } from '../../../../src/jobs/federation/moments-file.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { doubtOf } from '../../../../src/merge/masked/doubt.ts'
import { meanSquareTotals, productTotals } from '../../../../src/merge/masked/totals.ts'
import {
  encodeMasked,
  meanSquaresForm,
  productsForm,
  sumOf,
  type VectorForm,
} from '../../../../src/merge/masked/vector.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { decodeContribution, encodeContribution, toContribution } from '../../../../src/merge/masks/contribution.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { applyMerged } from '../../../../src/merge/masks/merged-block.ts'
import { blocksOfGroup } from '../../../../src/merge/pooled/groups.ts'
import { addProducts, pooledStatistics, solvePooled } from '../../../../src/merge/pooled/pooled-block.ts'
import {
  decodeProducts,
  encodeProducts,
  productBytes,
  productsOf,
  unitOf,
} from '../../../../src/merge/pooled/products.ts'
import { fixedMeanSquare } from '../../../../src/merge/sums/exact-sum.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import { pruneSequential } from '../../../../src/prune/run/sequential.ts'
import type { Solvers } from '../../../../src/prune/run/solvers.ts'
import { type LieBench, reasonOf } from './mask-lies.ts'
import type { Moments, PooledLie } from './pooled-lies.ts'
import type { Judgement } from './votes.ts'

export interface PooledBench extends LieBench {
  /** In portable arithmetic. */
  portable: Pick<Solvers, 'prune'>
  method: SparseMethod
  groups: number
}

/** How a plan ended in which nobody was stopped. */
interface PooledEnding {
  /** One entry a group. */
  judgements: Judgement[]
  /** Why an open plan refuses what the liar has sent; null: it does not. */
  refused: string | null
  /** The merged model; null: a total could not be merged at all. */
  model: BlockWeights[] | null
}

/** A site's own knowledge of a block. */
interface Measured {
  /** One entry an input. */
  moments: Moments[]
  /** As it would be pruned by this site alone. */
  own: BlockWeights
}

/** The sums of a block, as masks leave them, and what was found wrong. */
interface Summed extends Pick<Judgement, 'doubts' | 'impossible'> {
  refused: string | null
  weights: BlockWeights | null
}

/** @param lie - of the first site; null: all are honest */
export async function pooledPlan(bench: PooledBench, lie: PooledLie | null): Promise<PooledEnding> {
  const { decoder, groups, sites } = bench
  const model: BlockWeights[] = []
  const ending: PooledEnding = { judgements: [], refused: null, model }
  for (let group = 1; group <= groups; group++) {
    const blocks = blocksOfGroup(group, groups, decoder.blocks)
    const measured: Map<number, Measured>[] = []
    for (const site of sites.keys()) measured.push(await measure(bench, site, blocks, model))
    const judgement: Judgement = { impossible: null, doubts: [], harms: [] }
    const before = [...model]
    for (const block of blocks) {
      const of = measured.map((own) => own.get(block) as Measured)
      const { doubts, impossible, refused, weights } = await summed(bench, block, of, lie)
      judgement.impossible ??= impossible
      judgement.doubts = doubts.map((doubt, i) => judgement.doubts[i] ?? doubt)
      ending.refused ??= refused
      if (weights === null) return { ...ending, judgements: [...ending.judgements, judgement], model: null }
      model[block] = weights
    }
    for (const [site, own] of measured.entries()) {
      if (site === 0 && lie !== null) continue
      const alone = [...before]
      for (const block of blocks) alone[block] = (own.get(block) as Measured).own
      const [by, with_] = [await onOwnText(bench, site, alone), await onOwnText(bench, site, model)]
      judgement.harms.push(with_ / by)
    }
    ending.judgements.push(judgement)
  }
  return ending
}

async function onOwnText(
  { decoder, sites }: PooledBench,
  site: number,
  model: readonly BlockWeights[],
): Promise<number> {
  return (await perplexity(decoder, sites[site], (block) => model[block])).perplexity
}

/** The moments of a site's text in these blocks, and their weights as this site alone prunes them. */
async function measure(
  { decoder, method, sites, solvers, vocabulary }: PooledBench,
  site: number,
  blocks: readonly number[],
  model: readonly BlockWeights[],
): Promise<Map<number, Measured>> {
  const found = new Map<number, Measured>()
  let moments: Moments[] = []
  await pruneSequential(decoder, solvers, {
    ...method,
    blocks,
    windows: sites[site],
    vocabulary,
    weightsOf: (block) => model[block],
    onStatistics(_, inputs) {
      moments = inputs.map(({ gram = new Float32Array(), meanSquares, tokens }) => {
        const isWhole = gram.length > 0
        return { meanSquares, gram: isWhole ? meansAbove(gram, meanSquares.length, tokens) : gram }
      })
    },
    onBlock({ block, layers }) {
      const form = decoder.forms[block]
      const { layers: sparse = [] } = toContribution(form, layers, [])
      found.set(block, { moments, own: applyMerged(form, decoder.baseWeights(block), { layers: sparse }) })
    },
  })
  return found
}

/** Adds up what all sites offer to a block, as masked vectors: modulo a power of two. */
async function summed(
  { decoder, method, portable }: PooledBench,
  block: number,
  measured: readonly Measured[],
  lie: PooledLie | null,
): Promise<Summed> {
  const [form, base] = [decoder.forms[block], decoder.baseWeights(block)]
  const members = measured.length
  const [first, second] = measured.map(({ moments }) => moments)
  const offered = measured.map(({ moments }): Float64Array[] => {
    return moments.map(({ meanSquares }) => Float64Array.from(meanSquares))
  })
  if (lie !== null) offered[0] = lie.meanSquares(first, second)
  let refused = lie === null ? null : refusedSquares(form, offered[0])
  const { doubts, sums } = openedSum('meanSquares', meanSquaresForm(form), offered.map(ofNumbers), lie)
  const meanSquares = possible(() => meanSquareTotals(sums, members))
  if (typeof meanSquares === 'string') return { impossible: meanSquares, doubts, refused, weights: null }
  const blockCase = { form, method, base }
  if (method.pruner !== 'sparsegpt') {
    const merged = mergeBlock(blockCase, [{ inputs: pooledStatistics({ meanSquares, sites: members }) }])
    return { impossible: null, doubts, refused, weights: applyMerged(form, base, merged) }
  }
  const unit = (input: number) => unitOf(form.inputs[input], members)
  const products = measured.map(({ moments }) =>
    moments.map((own, input) => productsOf(own.gram, own.meanSquares, meanSquares[input], unit(input))),
  )
  if (lie !== null) {
    products[0] = first.map((own, input) => {
      const known = { offered: offered[0][input], totals: meanSquares[input], unit: unit(input) }
      return lie.products({ own, other: (second ?? first)[input], ...known })
    })
    refused ??= reasonOf(() => decodeProducts(form, encodeProducts(form, products[0], members), members))
  }
  const vectors = products.map((own) =>
    own.map((values, input) => Wholes.ofInt32s(productBytes(form.inputs[input], members), values)),
  )
  const opened = openedSum('products', productsForm(form, members), vectors, lie)
  const totals = possible(() => productTotals(opened.sums, form.inputs, { sites: members, members }))
  const impossible = typeof totals === 'string' ? totals : null
  // In an open plan sums do not overflow.
  const all = refused === null || typeof totals === 'string' ? addProducts(form, products) : totals
  if (impossible !== null && refused !== null) return { impossible, doubts, refused, weights: null }
  const { block: merged } = await solvePooled(blockCase, { meanSquares, products: all, members }, portable)
  return { impossible, doubts, refused, weights: applyMerged(form, base, merged) }
}

/** Totals, or the reason for which no honest sites can have them. */
function possible<T>(totals: () => T): T | string {
  try {
    return totals()
  } catch (error) {
    if (error instanceof ImpossibleTotalError) return error.reason
    throw error
  }
}

function refusedSquares(form: BlockForm, offered: readonly Float64Array[]): string | null {
  const inputs = offered.map((values) => Float32Array.from(values))
  return reasonOf(() => decodeContribution(form, 'statistics', encodeContribution(form, { inputs })))
}

/** Mean squares as whole numbers, also such as are below zero. */
function ofNumbers(inputs: readonly Float64Array[]): Wholes[] {
  return inputs.map((values) =>
    Wholes.ofBigInts(
      16,
      Array.from(values, (value) => (value < 0 ? -fixedMeanSquare(-value) : fixedMeanSquare(value))),
    ),
  )
}

/** The sum of all sites' vectors, and what the honest ones think of it. */
function openedSum(
  kind: VectorForm['kind'],
  form: VectorForm,
  vectors: readonly Wholes[][],
  lie: PooledLie | null,
): { sums: Wholes[]; doubts: (string | null)[] } {
  const sums = sumOf(
    form,
    vectors.map((vector) => encodeMasked(form, vector)),
  )
  const honest = lie === null ? vectors : vectors.slice(1)
  return { sums, doubts: honest.map((own) => doubtOf(kind, own, sums, vectors.length)) }
}
