/** Dense float32 matrix products, as solvers ask for them: what they need, whoever computes it. */

/** Row-major [rows, cols]. `data` may be a view into a larger array; it is read and never changed. */
export interface Matrix {
  data: Float32Array
  rows: number
  cols: number
}

export interface ProductOptions {
  /** Use the transpose of this factor. */
  transposeA?: boolean
  transposeB?: boolean
}

export interface LinearAlgebra {
  /** a b, or with a factor transposed: [m, k] [k, n] -> [m, n]. @throws {RangeError} the factors do not fit */
  multiply(a: Matrix, b: Matrix, options?: ProductOptions): Promise<Matrix>

  /** c - a b, or with a factor transposed: [m, n] - [m, k] [k, n] -> [m, n]. @throws {RangeError} they do not fit */
  multiplySubtract(c: Matrix, a: Matrix, b: Matrix, options?: ProductOptions): Promise<Matrix>

  /** Nothing may be called afterwards. */
  dispose(): Promise<void>
}

interface ProductShape {
  rows: number
  /** The number of terms of each sum. */
  depth: number
  cols: number
}

/** The shape of a b. @throws {RangeError} it is not that of c, the factors do not fit, or a matrix has other data */
export function productShape(c: Matrix | null, a: Matrix, b: Matrix, options: ProductOptions): ProductShape {
  const { transposeA = false, transposeB = false } = options
  const [rows, depth] = transposeA ? [a.cols, a.rows] : [a.rows, a.cols]
  const [depthOfB, cols] = transposeB ? [b.cols, b.rows] : [b.rows, b.cols]
  const all = c === null ? [a, b] : [a, b, c]
  if (depth !== depthOfB || (c !== null && (c.rows !== rows || c.cols !== cols))) {
    const shapes = all.map((matrix) => `${matrix.rows} x ${matrix.cols}`).join(', ')
    throw new RangeError(`matrices do not fit each other: ${shapes}`)
  }
  const wrong = all.find((matrix) => matrix.data.length !== matrix.rows * matrix.cols)
  if (wrong) throw new RangeError(`${wrong.data.length} numbers are no matrix of ${wrong.rows} x ${wrong.cols}`)
  return { rows, depth, cols }
}
