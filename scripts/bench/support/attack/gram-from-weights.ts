/**
 * The Gram matrix of a layer input, solved for from weights that SparseGPT has moved. It goes through the columns of a
 * row: what is pruned in column p, times U_pj / U_pp, is taken from every later column j, where H^-1 = U^T U. Everybody
 * knows the weights before and after, so each row that keeps column j gives one linear equation for the quotients
 * U_pj / U_pp of that column. The diagonal of H, which follows from the mean squares, then gives U_pp.
 */
import { solveSymmetric } from './solve-symmetric.ts'

/** The share of the mean diagonal that SparseGPT adds to it: the authors' `percdamp`. */
const DAMPING = 0.01
/** Added to each column's normal equations, as a share of their mean diagonal. */
const RIDGE = 1e-6

/** The layers that read an input, their rows below each other: [rows, cols]. */
interface MovedWeights {
  rows: number
  cols: number
  base: Float32Array
  /** Exact zeros where a weight was pruned. */
  pruned: Float32Array
}

/** Whether there are equations enough: about half of the rows keep a column, and the last one has most unknowns. */
export function isSolvable({ rows, cols }: Pick<MovedWeights, 'rows' | 'cols'>): boolean {
  return rows >= 1.5 * cols
}

/**
 * The mean over tokens of x x^T, [cols, cols], symmetric.
 * @param meanSquares - its diagonal, which contributions hold
 */
export function gramFromWeights(weights: MovedWeights, meanSquares: Float32Array): Float32Array {
  const { cols } = weights
  const quotients = unitFactor(weights) // U_pj / U_pp, upper triangular
  const inverse = inverseOfUnit(quotients, cols) // L, with H = L S L^T and S = 1 / U_pp^2
  const damping = (DAMPING * meanSquares.reduce((sum, square) => sum + square, 0)) / cols
  const sizes = new Float64Array(cols) // S
  for (let i = cols - 1; i >= 0; i--) {
    let rest = meanSquares[i] + damping
    for (let p = i + 1; p < cols; p++) rest -= inverse[i * cols + p] ** 2 * sizes[p]
    sizes[i] = Math.max(rest, 0)
  }
  const gram = new Float32Array(cols * cols)
  for (let i = 0; i < cols; i++) {
    gram[i * cols + i] = meanSquares[i]
    for (let j = i + 1; j < cols; j++) {
      let sum = 0
      for (let p = j; p < cols; p++) sum += inverse[i * cols + p] * sizes[p] * inverse[j * cols + p]
      gram[i * cols + j] = sum
      gram[j * cols + i] = sum
    }
  }
  return gram
}

/** Solves for the quotients of each column in turn. The weights that were pruned in it follow from them. */
function unitFactor({ rows, cols, base, pruned }: MovedWeights): Float64Array {
  const quotients = new Float64Array(cols * cols)
  const taken = new Float64Array(rows * cols) // the value of each pruned weight when it was pruned, else 0
  for (let j = 0; j < cols; j++) {
    quotients[j * cols + j] = 1
    const found = j === 0 ? new Float64Array() : solveColumn({ rows, cols, base, pruned }, taken, j)
    for (let p = 0; p < j; p++) quotients[p * cols + j] = found[p]
    for (let i = 0; i < rows; i++) {
      const at = i * cols + j
      if (pruned[at] !== 0) continue
      taken[at] = base[at]
      for (let p = 0; p < j; p++) taken[at] -= taken[i * cols + p] * found[p]
    }
  }
  return quotients
}

/** Least squares over the rows that keep column j, with a little weight on small quotients. */
function solveColumn({ rows, cols, base, pruned }: MovedWeights, taken: Float64Array, j: number): Float64Array {
  const normal = new Float64Array(j * j)
  const target = new Float64Array(j)
  for (let i = 0; i < rows; i++) {
    const at = i * cols
    if (pruned[at + j] === 0) continue
    const moved = base[at + j] - pruned[at + j]
    for (let p = 0; p < j; p++) {
      const value = taken[at + p]
      if (value === 0) continue
      target[p] += value * moved
      for (let q = p; q < j; q++) normal[p * j + q] += value * taken[at + q]
    }
  }
  let trace = 0
  for (let p = 0; p < j; p++) trace += normal[p * j + p]
  for (let p = 0; p < j; p++) normal[p * j + p] += (RIDGE * trace) / j
  return solveSymmetric(normal, target)
}

/** The inverse of an upper triangular matrix with ones on its diagonal. */
function inverseOfUnit(upper: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n)
  for (let j = 0; j < n; j++) {
    inverse[j * n + j] = 1
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0
      for (let p = i + 1; p <= j; p++) sum += upper[i * n + p] * inverse[p * n + j]
      inverse[i * n + j] = -sum
    }
  }
  return inverse
}
