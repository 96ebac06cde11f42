/** Statistics of the inputs of layers: sums over all batches. */
import { type Observation, panels } from './sums.ts'

export interface InputStatistics {
  /** Sum over tokens of x_j^2, [d]. */
  sumSquares: Float64Array
  /** Sum over tokens of x_j, [d]; only if moments were asked for. */
  sums?: Float64Array
  /** Sum over tokens of x^T x, [d, d]; only if it was asked for. Zeros below the diagonal blocks of its panels. */
  gram?: Float32Array
}

/** The sums of one input of `width` features. */
export class Totals {
  private readonly width: number
  private readonly sumSquares: Float64Array
  private readonly sums: Float64Array | undefined
  private readonly gram: Float32Array | undefined

  constructor(width: number, observation: Observation) {
    this.width = width
    this.sumSquares = new Float64Array(width)
    this.sums = observation === 'moments' ? new Float64Array(width) : undefined
    this.gram = observation === 'gram' ? new Float32Array(width * width) : undefined
  }

  /** @param sums - the sums of some batches, named as in sumNames */
  add(sums: readonly (Float32Array | Float64Array)[]): void {
    const { gram, sumSquares, width } = this
    if (this.sums !== undefined) {
      for (let j = 0; j < width; j++) {
        this.sums[j] += sums[0][j]
        sumSquares[j] += sums[1][j]
      }
      return
    }
    if (gram === undefined) {
      for (let j = 0; j < width; j++) sumSquares[j] += sums[0][j]
      return
    }
    for (const [p, { first, rows }] of panels(width).entries()) {
      const cols = width - first
      for (let i = 0; i < rows; i++) {
        const from = i * cols
        const to = (first + i) * width + first
        for (let j = 0; j < cols; j++) gram[to + j] += sums[p][from + j]
        sumSquares[first + i] += sums[p][from + i]
      }
    }
  }

  statistics(): InputStatistics {
    const { sumSquares, sums, gram } = this
    if (sums !== undefined) return { sumSquares, sums }
    return gram === undefined ? { sumSquares } : { sumSquares, gram }
  }
}
