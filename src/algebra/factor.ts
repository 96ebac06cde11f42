/**
 * The parts of U that column-wise updates need, U upper triangular, with H^-1 = U^T U for a symmetric positive definite
 * H, by one factorisation and without U as a whole. H = M M^T with M upper triangular (Cholesky from the last columns
 * upwards), so U = M^-1. For a block B of columns and all columns A before it:
 *
 *   M_BB M_BB^T = H_BB - sum over later C of M_BC M_BC^T           U_BB = M_BB^-1, the corner
 *   M_AB        = (H_AB - sum over later C of M_AC M_BC^T) U_BB^T
 *
 * Updates that e_A, the errors of the columns A, cause in B are e_A U_AB = -(e_A U_AA) M_AB U_BB, and e_A U_AA is how
 * far the columns A have moved in all: known to who has moved them. So M_AB U_BB, the reach, takes the place of U_AB,
 * and two of four products of a factorisation by halves fall away.
 */
import type { LinearAlgebra, Matrix } from './linear-algebra.ts'

/** A pivot is zero, negative or NaN: H is not positive definite in this arithmetic. The caller decides what then. */
export class NotPositiveError extends Error {
  constructor() {
    super('the matrix is not positive definite')
    this.name = 'NotPositiveError'
  }
}

/** A block of columns [start, start + width). */
export interface FactorBlock {
  start: number
  width: number
  /** U_BB, row-major [width, width], zeros below the diagonal. */
  corner: Float32Array
  /** M_AB U_BB, row-major [start, width]. */
  reach: Float32Array
}

/**
 * Blocks of `width` columns, the last maybe narrower, in order. Reads only the upper triangle of `h`, [size, size].
 * @throws NotPositiveError
 */
export async function blockFactor(
  h: Float32Array,
  size: number,
  width: number,
  linear: LinearAlgebra,
): Promise<FactorBlock[]> {
  const blocks: FactorBlock[] = []
  const later: Matrix[] = [] // M_AC of each block C behind
  for (let start = Math.floor((size - 1) / width) * width; start >= 0; start -= width) {
    const cols = Math.min(width, size - start)
    let rest = part(h, size, 0, start, start + cols, cols) // [start + cols, cols]
    for (const above of later) {
      const reaching = rowsOf(above, 0, start + cols)
      rest = await linear.multiplySubtract(rest, reaching, rowsOf(above, start, cols), { transposeB: true })
    }
    const corner = square(await upperFactorOfInverse(rowsOf(rest, start, cols).data, cols, linear))
    const none = { data: new Float32Array(), rows: 0, cols }
    // M_AB
    const above = start === 0 ? none : await linear.multiply(rowsOf(rest, 0, start), corner, { transposeB: true })
    later.push(above)
    const reach = start === 0 ? none : await linear.multiply(above, corner)
    blocks.unshift({ start, width: cols, corner: corner.data, reach: reach.data })
  }
  return blocks
}

/**
 * Blocks up to this size are solved in JavaScript (measured for 576 and 1536 features: 32 and 64 alike, 96 and 128
 * slower).
 */
const LEAF_SIZE = 64

/**
 * U, row-major [size, size], zeros below the diagonal, by halves. Reads only the upper triangle of `h`, and does not
 * change it.
 *
 *   H = [A  B]   M = [M1 X ]   M2 M2^T = C            U = [U1  -U1 X U2]
 *       [.  C]       [0  M2]   X = B M2^-T = B U2^T       [0    U2     ]
 *                              M1 M1^T = A - X X^T
 * @throws NotPositiveError
 */
export async function upperFactorOfInverse(
  h: Float32Array,
  size: number,
  linear: LinearAlgebra,
): Promise<Float32Array> {
  if (size <= LEAF_SIZE) return leaf(h, size)
  const first = Math.ceil(size / 2 / LEAF_SIZE) * LEAF_SIZE // rows of A
  const last = size - first // rows of C
  const u2 = square(await upperFactorOfInverse(part(h, size, first, first, last, last).data, last, linear))
  const x = await linear.multiply(part(h, size, 0, first, first, last), u2, { transposeB: true }) // [first, last]
  const schur = await linear.multiplySubtract(part(h, size, 0, 0, first, first), x, x, { transposeB: true })
  const u1 = square(await upperFactorOfInverse(schur.data, first, linear))
  const corner = await linear.multiply(u1, await linear.multiply(x, u2)) // [first, last]

  const upper = new Float32Array(size * size)
  for (let i = 0; i < first; i++) {
    upper.set(u1.data.subarray(i * first, (i + 1) * first), i * size)
    for (let j = 0; j < last; j++) upper[i * size + first + j] = -corner.data[i * last + j]
  }
  for (let i = 0; i < last; i++) upper.set(u2.data.subarray(i * last, (i + 1) * last), (first + i) * size + first)
  return upper
}

/** The same for a small block, in float64: M by dot products of its rows from the last upwards, then its inverse. */
function leaf(h: Float32Array, n: number): Float32Array {
  const m = Float64Array.from(h)
  for (let j = n - 1; j >= 0; j--) {
    const pivot = m[j * n + j] - tailProduct(m, n, j, j)
    if (!(pivot > 0)) throw new NotPositiveError()
    const root = Math.sqrt(pivot)
    m[j * n + j] = root
    for (let i = 0; i < j; i++) m[i * n + j] = (m[i * n + j] - tailProduct(m, n, i, j)) / root
  }
  return invertUpper(m, n)
}

/** sum over k > j of m[i, k] m[j, k], for i <= j. */
function tailProduct(m: Float64Array, n: number, i: number, j: number): number {
  let sum = 0
  for (let k = j + 1; k < n; k++) sum += m[i * n + k] * m[j * n + k]
  return sum
}

/** U = M^-1 row by row from the last: U_i = (e_i - sum over k > i of M_ik U_k) / M_ii. */
function invertUpper(m: Float64Array, n: number): Float32Array {
  const u = new Float64Array(n * n)
  for (let i = n - 1; i >= 0; i--) {
    const scale = 1 / m[i * n + i]
    u[i * n + i] = scale
    for (let k = i + 1; k < n; k++) {
      const factor = m[i * n + k] * scale
      for (let j = k; j < n; j++) u[i * n + j] -= factor * u[k * n + j]
    }
  }
  return Float32Array.from(u)
}

/** A copy of rows [row, row + rows) and columns [col, col + cols) of a square matrix. */
function part(h: Float32Array, size: number, row: number, col: number, rows: number, cols: number): Matrix {
  const data = new Float32Array(rows * cols)
  for (let i = 0; i < rows; i++) {
    const start = (row + i) * size + col
    data.set(h.subarray(start, start + cols), i * cols)
  }
  return { data, rows, cols }
}

/** Rows [first, first + rows) of a matrix, not copied. */
function rowsOf({ data, cols }: Matrix, first: number, rows: number): Matrix {
  return { data: data.subarray(first * cols, (first + rows) * cols), rows, cols }
}

function square(data: Float32Array): Matrix {
  const size = Math.sqrt(data.length)
  return { data, rows: size, cols: size }
}
