/** The unit of local pruning: the layers of a block that read one input, with the statistics of that input. */

import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import type { PrunerName, SparsityTarget } from '../../form/method.ts'
import { magnitudeMask } from '../masks/magnitude.ts'
import { blockColumns } from '../masks/target.ts'
import { wandaMask } from '../masks/wanda.ts'
import type { DampingRange } from '../sparsegpt/hessian.ts'
import { type DenseLayer, factorise, sparsegptMany } from '../sparsegpt/sparsegpt.ts'

export interface LayerGroup {
  pruner: PrunerName
  target: SparsityTarget
  /** Number of features of the input. */
  cols: number
  /** Base weights, one entry a layer, in order of role. */
  layers: DenseLayer[]
  /** [cols], the mean over tokens of x_j^2; null for magnitude. */
  meanSquares: Float32Array | null
  /**
   * SparseGPT's Gram matrix X^T X, [cols, cols], the factor that makes the Hessian H of it: 2 / sequences, and the
   * dampings to try, if not the authors'. Null for other pruners.
   */
  gram: { sums: Float32Array; scale: number; damping?: DampingRange } | null
}

export interface PrunedLayer {
  /** Row-major [rows, cols], exact zeros where the mask has 0. */
  weight: Float32Array
  /** Bitmap, 1 = kept. */
  mask: Uint8Array
  /** SparseGPT's damping as a share of the mean diagonal of the Hessian; null for other pruners. */
  damping: number | null
  /** See BlockFit. */
  error: number | null
}

/**
 * Prunes the layers of a group. It may overwrite their arrays: the caller gives them up.
 * @throws {InputError} as the pruners do
 */
export async function pruneGroup(group: LayerGroup, linear: LinearAlgebra): Promise<PrunedLayer[]> {
  const { pruner, cols, layers, target } = group
  if (pruner === 'sparsegpt') {
    if (group.gram === null) throw new Error('SparseGPT needs Gram matrices')
    const { sums, scale, damping } = group.gram
    const diagonal = Float64Array.from({ length: cols }, (_, j) => sums[j * (cols + 1)] * scale)
    const factor = await factorise(sums, cols, scale, blockColumns(target), linear, damping)
    const solved = await sparsegptMany(layers, cols, factor, target, linear)
    return solved.map(({ weight, mask, loss }, k) => {
      return { weight, mask, damping: factor.damping, error: shareOf(loss, weighed(layers[k].weight, diagonal)) }
    })
  }
  const columns = pruner === 'wanda' ? (group.meanSquares ?? new Float32Array()) : new Float32Array(cols).fill(1)
  return layers.map(({ weight, rows }) => {
    const whole = weighed(weight, columns)
    const mask =
      pruner === 'wanda' ? wandaMask(weight, rows, cols, columns, target) : magnitudeMask(weight, rows, cols, target)
    const kept = masked(weight, mask)
    return { weight: kept, mask, damping: null, error: shareOf(whole - weighed(kept, columns), whole) }
  })
}

/** The sum of w^2 times its column's number. @param weight - row-major, with a column for each number */
function weighed(weight: Float32Array, columns: Float32Array | Float64Array): number {
  const { length } = columns
  let sum = 0
  for (let from = 0; from < weight.length; from += length) {
    for (let j = 0; j < length; j++) sum += weight[from + j] * weight[from + j] * columns[j]
  }
  return sum
}

function shareOf(loss: number, whole: number): number | null {
  return whole > 0 ? loss / whole : null
}

/** The cost of a group in arbitrary units of time: a factorisation is cubic, the rest linear in the weights. */
export function groupCost({ pruner, cols, layers }: LayerGroup): number {
  const weights = layers.reduce((sum, { rows }) => sum + rows * cols, 0)
  return pruner === 'sparsegpt' ? weights * SWEEP_COST + cols * cols * cols : weights
}

/**
 * The number of multiply-adds of the factorisation that take the time of one weight (measured for SmolLM2-135M's
 * shapes).
 */
const SWEEP_COST = 2700

/** The weights with +0 where the mask has 0; the argument is changed. */
function masked(weight: Float32Array, mask: Uint8Array): Float32Array {
  for (let i = 0; i < weight.length; i++) if (((mask[i >> 3] >> (i & 7)) & 1) === 0) weight[i] = 0
  return weight
}
