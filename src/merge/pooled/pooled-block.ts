/**
 * The merge rule `pooled`: what all members' texts show together decides, as if they lay in one place. Mean squares are
 * added up, and Wanda or magnitude chooses one mask by them. Where second moments are offered, SparseGPT solves the
 * block once, on the sum. Every member counts equally. The result is a pure function of the set of contributions.
 */
import type { OwnFit } from '../../form/block-fit.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { isBeyond, packSurvivors } from '../../form/fp16.ts'
import { isKept } from '../../form/mask.ts'
import type { LayerGroup, PrunedLayer } from '../../prune/run/group.ts'
import type { Solvers } from '../../prune/run/solvers.ts'
import type { DampingRange } from '../../prune/sparsegpt/hessian.ts'
import type { BlockCase } from '../masks/block-case.ts'
import type { MergedBlock } from '../masks/merged-block.ts'
import { pairsOf, unitOf } from './products.ts'
import type { PooledTotals } from './totals.ts'

/**
 * With the last damping every sum of products can be factorised, since none is larger than its diagonal allows: a row's
 * products sum to less than cols^1.5 times the mean of the diagonal, and cols is below 2^15.
 */
const DAMPING: DampingRange = { first: 0.01, last: 1e7 }

interface PooledMoments extends Pick<PooledTotals, 'meanSquares'> {
  products: readonly Int32Array[]
  /** The number of members on the roster, from which the products' unit follows. */
  members: number
}

/** One array a layer input, [cols]: the mean of the members' mean squares, as float32. */
export function pooledStatistics({ meanSquares, sites }: Pick<PooledTotals, 'meanSquares' | 'sites'>): Float32Array[] {
  return meanSquares.map((totals) => Float32Array.from(totals, (total) => total / sites))
}

/** Adds the products of members up: whole numbers below 2^31. */
export function addProducts({ inputs }: BlockForm, contributions: Iterable<readonly Int32Array[]>): Int32Array[] {
  const sums = inputs.map((cols) => new Int32Array(pairsOf(cols)))
  for (const products of contributions) {
    for (const [input, sum] of sums.entries()) {
      const own = products[input]
      for (let i = 0; i < sum.length; i++) sum[i] += own[i]
    }
  }
  return sums
}

interface Attempt {
  input: number
  range: DampingRange
}

/**
 * Prunes a block by SparseGPT on the summed moments. Where a sum is so far from a Gram matrix that survivors leave the
 * range of fp16, it is damped more, as where it cannot be factorised: no member's numbers may end a merge.
 * @param solvers - in portable arithmetic, so that all members get the same
 */
export async function solvePooled(
  { form, method, base }: BlockCase,
  moments: PooledMoments,
  solvers: Pick<Solvers, 'prune'>,
): Promise<{ block: MergedBlock } & OwnFit> {
  const rolesOf = (input: number) => [...form.layers.keys()].filter((role) => form.layers[role].input === input)
  const groupOf = ({ input, range }: Attempt): LayerGroup => ({
    ...method,
    cols: form.inputs[input],
    layers: rolesOf(input).map((role) => ({ weight: base[role].slice(), rows: form.layers[role].rows })),
    meanSquares: null,
    gram: { sums: pooledGram(moments, input, form.inputs[input]), scale: 1, damping: range },
  })
  const solved: PrunedLayer[] = []
  let open = form.inputs.map((_, input): Attempt => ({ input, range: DAMPING }))
  while (open.length > 0) {
    const groups = await solvers.prune(open.map(groupOf))
    for (const [k, { input }] of open.entries())
      for (const [i, role] of rolesOf(input).entries()) solved[role] = groups[k][i]
    open = open.flatMap(({ input }, k) => dampedMore(input, groups[k]))
  }
  const layers = solved.map(({ weight, mask }, role) => ({ mask, survivors: packSurvivors(weight, mask, `${role}`) }))
  const damping = solved.map((layer) => layer.damping)
  return { block: { layers }, damping, error: solved.map(({ error }) => error) }
}

/** The next attempt for an input with survivors beyond fp16, if a larger damping is left. */
function dampedMore(input: number, layers: readonly PrunedLayer[]): Attempt[] {
  const first = 10 * Math.max(...layers.map(({ damping }) => damping ?? 0))
  const beyond = layers.some(({ weight, mask }) => weight.some((value, i) => isKept(mask, i) && isBeyond(value)))
  return beyond && first <= DAMPING.last ? [{ input, range: { ...DAMPING, first } }] : []
}

/** The pooled X^T X, [cols, cols]: only its upper triangle is filled. */
function pooledGram({ meanSquares, products, members }: PooledMoments, input: number, cols: number): Float32Array {
  const gram = new Float32Array(cols * cols)
  const diagonal = meanSquares[input]
  const unit = unitOf(cols, members)
  let at = 0
  for (let i = 0; i < cols; i++) {
    gram[i * (cols + 1)] = diagonal[i]
    for (let j = i + 1; j < cols; j++, at++) {
      gram[i * cols + j] = (products[input][at] / unit) * Math.sqrt(diagonal[i] * diagonal[j])
    }
  }
  return gram
}
