/** The portable products once more, in plain float32: one number of the result after the other, no tiles, no lanes. */
import type { LinearAlgebra, Matrix, ProductOptions } from '../../../src/algebra/linear-algebra.ts'

/** Terms of one sum. */
const TERMS = 256

export class TwinAlgebra implements LinearAlgebra {
  async multiply(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    return twin(null, a, b, options)
  }

  async multiplySubtract(c: Matrix, a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    return twin(c, a, b, options)
  }

  async dispose(): Promise<void> {}
}

function twin(c: Matrix | null, a: Matrix, b: Matrix, { transposeA, transposeB }: ProductOptions): Matrix {
  const [rows, depth] = transposeA ? [a.cols, a.rows] : [a.rows, a.cols]
  const cols = transposeB ? b.rows : b.cols
  const data = c === null ? new Float32Array(rows * cols) : c.data.slice()
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      for (let first = 0; first < depth; first += TERMS) {
        let sum = 0
        for (let k = first; k < Math.min(depth, first + TERMS); k++) {
          const left = a.data[transposeA ? k * rows + i : i * depth + k]
          const right = b.data[transposeB ? j * depth + k : k * cols + j]
          sum = Math.fround(sum + Math.fround(left * right))
        }
        const at = i * cols + j
        data[at] = c === null ? data[at] + sum : data[at] - sum
      }
    }
  }
  return { data, rows, cols }
}

/** The bits of float32 numbers. Those of a NaN are not fixed, so that each is the same here. */
export function bitsOf(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.slice().buffer)
  return bits.map((word, at) => (Number.isNaN(values[at]) ? 0x7fc00000 : word))
}
