/**
 * Fits the layers that read removed places again. X are the inputs of a layer W, K the places that are left, and H =
 * X^T X. The remaining weights become those with the least
 *
 *   |X W^T - X_K W'^T|^2 + lambda |W' - W_K|^2,   W' = (W H_:K + lambda W_K) (H_KK + lambda I)^-1.
 *
 * The blocks are fitted in order, and the inputs of each come from the fitted blocks before it. Source: optimal brain
 * surgeon for whole columns, as in ZipLM (Kurtic et al. 2023, arXiv 2302.04089), section 3.1, whose updates one after
 * the other give this least squares for a set of columns; lambda as SparseGPT damps.
 */

import { NotPositiveError, upperFactorOfInverse } from '../../algebra/factor.ts'
import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import { InputError } from '../../base/errors.ts'
import type { BlockWeights } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { Stream } from '../../model/forward/stream.ts'
import type { Removal, RemovedUnits } from '../find/removal.ts'
import { layersReading, zeroedWeights } from '../find/zero-readers.ts'

/** Lambda as a share of the mean of H's diagonal: SparseGPT's, and ten times more for each factorisation that fails. */
const FIRST_DAMPING = 0.01
/** The largest lambda: with it W' is almost W_K, so an H that still fails is not a Gram matrix. */
const MAX_DAMPING = 10

interface RefitJob {
  removals: readonly Removal[]
  windows: Windows
  linear: LinearAlgebra
  /** Weights of a block in the base's shapes, with zeros in removed places. */
  onBlock: (block: number, weights: BlockWeights) => void | Promise<void>
  signal?: AbortSignal
}

/** @throws {InputError} HESSIAN_NOT_POSITIVE */
export async function refit(decoder: Decoder, { removals, windows, linear, onBlock, signal }: RefitJob): Promise<void> {
  const removedOf = new Map(removals.map(({ block, removed }) => [block, removed]))
  const last = Math.max(...removedOf.keys())
  const stream = await Stream.start(decoder, windows)
  for (let block = 0; block <= last; block++) {
    const removed = removedOf.get(block)?.filter(({ units }) => units.length > 0) ?? []
    let weights: BlockWeights | undefined
    if (removed.length > 0) {
      const statistics = await stream.observe(block, 'gram', signal)
      const gramOf = (role: number) => statistics[decoder.forms[block].layers[role].input].gram
      weights = await refitted(decoder, block, removed, gramOf, linear)
      await onBlock(block, weights)
    }
    if (block < last) await stream.pass(block, weights, signal)
  }
}

async function refitted(
  decoder: Decoder,
  block: number,
  removed: readonly RemovedUnits[],
  gramOf: (role: number) => Float32Array | undefined,
  linear: LinearAlgebra,
): Promise<BlockWeights> {
  const weights = [...zeroedWeights(decoder, block, removed)]
  const base = decoder.baseWeights(block)
  for (const [role, gone] of goneInputs(decoder, block, removed)) {
    const { rows, cols } = decoder.cut.blocks[block].layers[role]
    const left = Array.from({ length: cols }, (_, place) => place).filter((place) => !gone.has(place))
    const gram = gramOf(role)
    if (gram === undefined) throw new RangeError('Gram matrices were not asked for')
    weights[role] = await leastSquares({ weight: base[role], rows, cols, gram, left }, linear)
  }
  return weights
}

/** The removed inputs of each layer that loses some, by role. */
function goneInputs(decoder: Decoder, block: number, removed: readonly RemovedUnits[]): Map<number, Set<number>> {
  const gone = new Map<number, Set<number>>()
  for (const { structure, units } of removed) {
    for (const { role, member } of layersReading(decoder, block, structure)) {
      const places = gone.get(role) ?? new Set()
      for (const unit of units) for (const place of member.places[unit]) places.add(place)
      gone.set(role, places)
    }
  }
  return gone
}

interface LeastSquares {
  /** W, row-major [rows, cols]. */
  weight: Float32Array
  rows: number
  cols: number
  /** H, row-major [cols, cols]; its upper triangle. */
  gram: Float32Array
  /** K, ascending. */
  left: readonly number[]
}

/** Returns W' in the places of W, [rows, cols], with zeros elsewhere. @throws {InputError} HESSIAN_NOT_POSITIVE */
export async function leastSquares(
  { weight, rows, cols, gram, left }: LeastSquares,
  linear: LinearAlgebra,
): Promise<Float32Array> {
  const size = left.length
  const at = (i: number, j: number) => (i <= j ? gram[i * cols + j] : gram[j * cols + i])
  let mean = 0
  for (let j = 0; j < cols; j++) mean += at(j, j) / cols
  for (let damping = FIRST_DAMPING; damping <= MAX_DAMPING; damping *= 10) {
    const lambda = damping * mean
    const damped = (i: number, j: number) => at(i, j) + (i === j ? lambda : 0)
    const inner = Float32Array.from({ length: size * size }, (_, k) =>
      damped(left[Math.floor(k / size)], left[k % size]),
    )
    let factor: Float32Array
    try {
      factor = await upperFactorOfInverse(inner, size, linear)
    } catch (error) {
      if (error instanceof NotPositiveError) continue
      throw error
    }
    const outer = Float32Array.from({ length: cols * size }, (_, k) => damped(Math.floor(k / size), left[k % size]))
    const u = { data: factor, rows: size, cols: size } // (H_KK + lambda I)^-1 = U^T U
    const right = await linear.multiply({ data: weight, rows, cols }, { data: outer, rows: cols, cols: size })
    const { data } = await linear.multiply(await linear.multiply(right, u, { transposeB: true }), u)
    const fitted = new Float32Array(rows * cols)
    for (let row = 0; row < rows; row++)
      for (const [k, place] of left.entries()) fitted[row * cols + place] = data[row * size + k]
    return fitted
  }
  throw new InputError({
    code: 'HESSIAN_NOT_POSITIVE',
    what: `the Gram matrix of an input of ${cols} features is not positive, even with ${MAX_DAMPING} times its mean diagonal added`,
    hint: 'The activations of this model are damaged or overflow; check the model file and the text.',
  })
}
