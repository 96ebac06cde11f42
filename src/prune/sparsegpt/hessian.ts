/**
 * The factor that SparseGPT needs of a layer's input: blocks of U, upper triangular, with H^-1 = U^T U for the damped
 * Hessian H = (2 / sequences) X^T X. Source: Frantar, Alistarh, "SparseGPT: Massive Language Models Can Be Accurately
 * Pruned in One-Shot", ICML 2023, sections 3.2, 3.3; damping and dead columns as in the authors' program. Layers that
 * read the same input share one factor.
 */

import { blockFactor, type FactorBlock, NotPositiveError } from '../../algebra/factor.ts'
import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import { InputError } from '../../base/errors.ts'
import { assertLength } from '../masks/target.ts'

export interface Factor {
  /** One entry a block of columns, in order. */
  blocks: FactorBlock[]
  /** [cols], 1 where an input feature was always 0. Its weights do nothing and become zeros first. */
  dead: Uint8Array
  /**
   * The number added to the diagonal, as a share of its mean: 0.01, or ten times more for each failed factorisation.
   */
  damping: number
}

/** The dampings that are tried, each ten times the one before. */
export interface DampingRange {
  first: number
  last: number
}

/**
 * The authors' `percdamp` at first. With the last damping H is mostly its diagonal: a matrix that fails even so is no
 * Gram matrix.
 */
const DAMPING: DampingRange = { first: 0.01, last: 10 }

/**
 * Computes the factor of a layer input.
 * @param gram - X^T X, row-major [cols, cols], symmetric; only its upper triangle is read; not changed
 * @param scale - 2 / sequences
 * @param width - columns of a block
 * @throws {InputError} NOT_FINITE: the Gram matrix has a value that is NaN or infinite
 * @throws {InputError} HESSIAN_NOT_POSITIVE: it is not positive even with the largest damping
 */
export async function factorise(
  gram: Float32Array,
  cols: number,
  scale: number,
  width: number,
  linear: LinearAlgebra,
  { first, last } = DAMPING,
): Promise<Factor> {
  assertLength('gram', gram, cols * cols)
  const { hessian, dead, mean } = readHessian(gram, cols, scale)
  const diagonal = Float64Array.from({ length: cols }, (_, j) => hessian[j * (cols + 1)])
  for (let damping = first; damping <= last; damping *= 10) {
    for (let j = 0; j < cols; j++) hessian[j * (cols + 1)] = diagonal[j] + damping * mean
    try {
      return { blocks: await blockFactor(hessian, cols, width, linear), dead, damping }
    } catch (error) {
      if (!(error instanceof NotPositiveError)) throw error
    }
  }
  throw new InputError({
    code: 'HESSIAN_NOT_POSITIVE',
    what: `the Hessian of an input of ${cols} features is not positive, even with ${last} times its mean diagonal added`,
    hint: 'The activations of this model are damaged or overflow; check the model file and the text.',
  })
}

/** H without damping, [cols, cols], with dead columns made independent of all others; and the mean of its diagonal. */
function readHessian(gram: Float32Array, cols: number, scale: number) {
  const hessian = new Float32Array(cols * cols)
  const dead = new Uint8Array(cols)
  let trace = 0
  let nonFinite = 0
  for (let i = 0; i < cols; i++) {
    for (let at = i * (cols + 1); at < (i + 1) * cols; at++) {
      const value = Math.fround(gram[at] * scale)
      nonFinite += value - value // 0, or NaN
      hessian[at] = value
    }
    const diagonal = i * (cols + 1)
    if (hessian[diagonal] === 0) {
      dead[i] = 1
      hessian[diagonal] = 1
    }
    trace += hessian[diagonal]
  }
  if (nonFinite !== 0) {
    throw new InputError({
      code: 'NOT_FINITE',
      what: `the Gram matrix of an input of ${cols} features has a value that is NaN or infinite`,
      hint: 'The model or its activations overflow; check the model file and the text.',
    })
  }
  return { hessian, dead, mean: trace / cols }
}
