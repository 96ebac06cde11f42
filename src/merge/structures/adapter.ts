/**
 * Low-rank adapters where every bit matters: W + scale B A in float64, product after product in order, rounded to
 * float32 once. Source of the form: LoRA (Hu et al. 2021, arXiv 2106.09685), section 4.1.
 */
import type { LayerForm } from '../../form/block-form.ts'

/** The adapter of a layer [rows, cols]. Both matrices are stored transposed. */
export interface Adapter {
  /** A: [cols, rank]. */
  a: Float32Array<ArrayBuffer>
  /** B: [rank, rows]. */
  b: Float32Array<ArrayBuffer>
}

/**
 * The share of zeros from which on a layer counts as pruned, and its zeros are held. Dense weights have next to none; a
 * pruned layer has as many as it was asked for.
 */
const PRUNED_SHARE = 0.05

/** Whether a layer is pruned, so that its zeros are to stay zeros. */
export function isPruned(weight: Float32Array): boolean {
  let zeros = 0
  for (const w of weight) zeros += Number(w === 0)
  return zeros >= PRUNED_SHARE * weight.length
}

/** The rank of a federation's adapters. LLM-Pruner uses rank 8 and alpha 16, so the scale below is 2. */
export const RANK = 8
export const SCALE = 2
/** The rate at which a federation's adapters are trained: LLM-Pruner's. */
export const RATE = 1e-4

/**
 * Adds scale B A to a layer.
 * @param weight - row-major [rows, cols]; changed
 * @param holdsZeros - whether a weight that is zero stays zero
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

/** The transpose of a matrix [rows, cols]: [cols, rows]. */
function transposed(matrix: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(matrix.length)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) out[col * rows + row] = matrix[row * cols + col]
  return out
}

/** The numbers of values in an adapter's A and B. */
export function adapterSizes({ rows, cols }: LayerForm, rank: number): { a: number; b: number } {
  return { a: rank * cols, b: rank * rows }
}
