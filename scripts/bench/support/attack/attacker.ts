/** Whoever has the base model: it knows what each token puts into a layer input where it stands alone. */
import type { LinearAlgebra, Matrix } from '../../../../src/algebra/linear-algebra.ts'
import { type Kernel, kernelOf, type SumKind, solveCounts } from './count-attack.ts'

/**
 * An exact solution takes 50 for 256 tokens of text, and 200 for 4,096. Where there are fewer equations than counts,
 * more change little.
 */
const SWEEPS = 200

export class Attacker {
  private readonly linear: LinearAlgebra
  private readonly vectors: Matrix
  private readonly kernels = new Map<SumKind, Promise<Kernel>>()

  /** @param vectors - of each token at the input that is attacked, [n, d] */
  constructor(linear: LinearAlgebra, vectors: Matrix) {
    this.linear = linear
    this.vectors = vectors
  }

  /** The counts by which these sums over a text are best explained, one a token. */
  async solve(kind: SumKind, sums: Float32Array): Promise<Float64Array> {
    const kernel = this.kernels.get(kind) ?? kernelOf(this.linear, this.vectors, kind)
    this.kernels.set(kind, kernel)
    return solveCounts(this.linear, await kernel, sums, SWEEPS)
  }

  /** The squares of each feature that so many of each token sum to, [d]. */
  squaresOf(counts: Float64Array): Float64Array {
    const { cols, data } = this.vectors
    const squares = new Float64Array(cols)
    for (const [t, count] of counts.entries()) {
      if (count !== 0) for (let j = 0; j < cols; j++) squares[j] += count * data[t * cols + j] ** 2
    }
    return squares
  }
}
