/**
 * The merge rule `pooled`: what all members' texts show together decides, as if they lay in one place. Mean squares are
 * added up, and Wanda or magnitude chooses one mask by them. Where second moments are offered, SparseGPT solves the
 * block once, on the sum. Every member counts equally. The result is a pure function of the set of contributions.
 */
import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import { InputError } from '../../base/errors.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { packSurvivors } from '../../form/fp16.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { blockColumns } from '../../prune/masks/target.ts'
import { type DampingRange, factorise } from '../../prune/sparsegpt/hessian.ts'
import { type DenseLayer, sparsegptMany } from '../../prune/sparsegpt/sparsegpt.ts'
import type { BlockCase } from '../masks/block-case.ts'
import type { BlockContribution } from '../masks/contribution.ts'
import type { MergedBlock, MergedLayer } from '../masks/merged-block.ts'
import { trimmedStatistics } from '../masks/trimmed.ts'
import { pairsOf, unitOf } from './products.ts'

/**
 * With the last damping every sum of products can be factorised, since none is larger than its diagonal allows: a row's
 * products sum to less than cols^1.5 times the mean of the diagonal, and cols is below 2^15.
 */
const DAMPING: DampingRange = { first: 0.01, last: 1e7 }

/** What the members of a block have offered, added up. One entry a layer input. */
interface PooledMoments {
  /** The totals of mean squares, [cols]: the diagonal. */
  totals: readonly Float64Array[]
  /** Sums of products, one a pair i < j. */
  products: readonly Int32Array[]
  /** The number of members on the roster, from which the products' unit follows. */
  members: number
}

/** One array a layer input, [cols]: the mean of the members' mean squares, as float32. */
export function pooledStatistics(form: BlockForm, contributions: readonly BlockContribution[]): Float32Array[] {
  return trimmedStatistics(form, contributions, 0)
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

/** Prunes a block by SparseGPT on the summed moments. */
export async function solvePooled(
  { form, method: { target }, base }: BlockCase,
  moments: PooledMoments,
  linear: LinearAlgebra,
): Promise<{ block: MergedBlock; damping: number[] }> {
  const layers: MergedLayer[] = []
  const damping: number[] = []
  for (const [input, cols] of form.inputs.entries()) {
    const roles = [...form.layers.keys()].filter((role) => form.layers[role].input === input)
    const gram = pooledGram(moments, input, cols)
    const stacked = roles.map((role) => ({ weight: base[role], rows: form.layers[role].rows }))
    const solved = await solveInput({ gram, cols, layers: stacked, names: roles.map(String) }, target, linear)
    for (const [k, layer] of solved.layers.entries()) {
      layers[roles[k]] = layer
      damping[roles[k]] = solved.damping
    }
  }
  return { block: { layers }, damping }
}

interface PooledInput {
  /** X^T X, [cols, cols]. */
  gram: Float32Array
  cols: number
  /** The layers that read this input, and their names for messages. */
  layers: readonly DenseLayer[]
  names: readonly string[]
}

/**
 * Solves the layers of one input. Where a sum is so far from a Gram matrix that survivors leave the range of fp16, it
 * is damped more, as where it cannot be factorised: no member's numbers may end a merge.
 */
async function solveInput(
  { gram, cols, layers, names }: PooledInput,
  target: SparsityTarget,
  linear: LinearAlgebra,
  range = DAMPING,
): Promise<{ layers: MergedLayer[]; damping: number }> {
  const factor = await factorise(gram, cols, 1, blockColumns(target), linear, range)
  const solved = await sparsegptMany(layers, cols, factor, target, linear)
  try {
    const packed = solved.map(({ weight, mask }, k) => ({ mask, survivors: packSurvivors(weight, mask, names[k]) }))
    return { layers: packed, damping: factor.damping }
  } catch (error) {
    const first = 10 * factor.damping
    if (!(error instanceof InputError) || first > range.last) throw error
    return solveInput({ gram, cols, layers, names }, target, linear, { ...range, first })
  }
}

/** The pooled X^T X, [cols, cols]: only its upper triangle is filled. */
function pooledGram({ totals, products, members }: PooledMoments, input: number, cols: number): Float32Array {
  const gram = new Float32Array(cols * cols)
  const diagonal = totals[input]
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
