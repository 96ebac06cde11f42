/**
 * Low-rank adapters of a model's layers: y = W x + (alpha / rank) B A x, where W stays as it is. Source: LoRA (Hu et al.
 * 2021, arXiv 2106.09685), section 4.1. All numbers of all adapters stand in one array, as an optimiser wants them.
 */

import { drawer } from '../merge/draw.ts'
import type { BlockForm } from '../merge/form.ts'

export interface Adapter {
  /** A, transposed: [cols, rank]. */
  a: Float32Array<ArrayBuffer>
  /** B, transposed: [rank, rows]. */
  b: Float32Array<ArrayBuffer>
}

const DRAWS = 2 ** 32

export class Adapters {
  readonly forms: readonly BlockForm[]
  readonly rank: number
  /** Block by block, layer by layer, A before B. */
  readonly values: Float32Array<ArrayBuffer>
  /** By block and role: where its A begins. */
  private readonly starts: number[][]

  /** @param values - as many as the layers need; taken over, not copied */
  constructor(forms: readonly BlockForm[], rank: number, values?: Float32Array<ArrayBuffer>) {
    let size = 0
    this.starts = forms.map(({ layers }) =>
      layers.map(({ rows, cols }) => {
        const start = size
        size += rank * (rows + cols)
        return start
      }),
    )
    if (values !== undefined && values.length !== size) throw new RangeError(`${values.length} values, not ${size}`)
    this.forms = forms
    this.rank = rank
    this.values = values ?? new Float32Array(size)
  }

  /** B = 0, so that nothing is changed yet; A uniform within 1 / sqrt(cols), which a seed decides. */
  static start(forms: readonly BlockForm[], rank: number, seed: number): Adapters {
    const adapters = new Adapters(forms, rank)
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(seed))
    const draw = drawer(bytes)
    for (const [block, { layers }] of forms.entries()) {
      for (const [role, { cols }] of layers.entries()) {
        const bound = 1 / Math.sqrt(cols)
        const { a } = adapters.of(block, role)
        for (let i = 0; i < a.length; i++) a[i] = bound * ((2 * draw(DRAWS)) / DRAWS - 1)
      }
    }
    return adapters
  }

  /** Views, not copies. */
  of(block: number, role: number): Adapter {
    const { rank, values } = this
    const { rows, cols } = this.forms[block].layers[role]
    const start = this.starts[block][role]
    const middle = start + rank * cols
    return { a: values.subarray(start, middle), b: values.subarray(middle, middle + rank * rows) }
  }
}

/**
 * W + scale B A. Where zeros are held, what is zero stays zero.
 * @param weight - row-major [rows, cols]; changed
 */
export function addAdapter(
  weight: Float32Array,
  { a, b }: Adapter,
  { rank, scale, holdsZeros }: { rank: number; scale: number; holdsZeros: boolean },
): void {
  const cols = a.length / rank
  const rows = b.length / rank
  const down = transposed(a, cols, rank)
  const sums = new Float64Array(cols)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[k * rows + row]
      const from = k * cols
      for (let col = 0; col < cols; col++) sums[col] += factor * down[from + col]
    }
    const from = row * cols
    for (let col = 0; col < cols; col++) {
      const w = weight[from + col]
      if (!(holdsZeros && w === 0)) weight[from + col] = w + sums[col]
    }
  }
}

/** [rows, cols] to [cols, rows]. */
function transposed(matrix: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(matrix.length)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) out[col * rows + row] = matrix[row * cols + col]
  return out
}
