/**
 * SparseGPT: columns from left to right; what a zeroed weight did is made up for by the weights to its right.
 * Source: Frantar, Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot", ICML 2023,
 * section 3 and algorithm 1. With H^-1 = U^T U, zeroing w_i costs (w_i / U_ii)^2 and is best compensated by
 * subtracting e_i U_ij, e_i = w_i / U_ii, from every w_j, j > i.
 *
 * The mask of a block of 128 columns is chosen over all rows of a layer when the block is reached; under a pattern,
 * that of a group of m columns when the group is reached. Deviation from the authors' program: counts are exact
 * (theirs compares with `<=` and zeroes a weight more in each block).
 *
 * How it is fast: rows are independent once the mask is known, so layers that read the same input are swept together;
 * updates are pulled, not pushed: E [cols, R] holds the errors of all columns so far, and a block, then a strip of it,
 * subtracts one product E^T U when it is reached. Only the sweep inside a strip is JavaScript.
 */
import { floorShare } from '../decimal.ts'
import type { LinearAlgebra } from '../engine/linear-algebra.ts'
import type { SparsityTarget } from '../merge/form.ts'
import { newMask } from '../merge/mask.ts'
import type { Factor } from './hessian.ts'
import { LowestSelector } from './lowest.ts'
import { dropMarked } from './marks.ts'
import { markLowestOfGroup } from './pattern.ts'
import { assertFinite, assertLength, assertTarget, blockColumns } from './target.ts'

export { type Factor, factorise } from './hessian.ts'

export interface DenseLayer {
  /** Row-major [rows, cols]. */
  weight: Float32Array
  rows: number
}

export interface SparseLayer {
  /** Row-major [rows, cols]: compensated, +0 where the mask has 0. */
  weight: Float32Array
  /** Bitmap, 1 = kept. */
  mask: Uint8Array
}

/**
 * Columns that are swept in JavaScript between two products; a multiple of m under a pattern. Narrower strips mean more
 * products, wider ones more JavaScript (measured: best of 8, 16, 32, 64).
 */
const STRIP_COLUMNS = 16

/**
 * Prunes layers that read the same input, each with a mask of its own: exactly floor(rows * width * s) zeros in every
 * block of columns, or n of every m consecutive columns of a row; lowest (score, row-major index in the block) first.
 * @throws InputError if a weight is NaN or infinite, or the pattern does not fit
 */
export async function sparsegptMany(
  layers: readonly DenseLayer[],
  cols: number,
  factor: Factor,
  target: SparsityTarget,
  linear: LinearAlgebra,
): Promise<SparseLayer[]> {
  assertLength('upper', factor.upper, cols * cols)
  assertLength('dead', factor.dead, cols)
  for (const { weight, rows } of layers) {
    assertTarget(rows, cols, target)
    assertLength('weight', weight, rows * cols)
    assertFinite('weight', weight, rows, cols)
  }
  const width = blockColumns(target)
  const sweep = new Sweep(layers, cols, factor, target, linear)
  for (let start = 0; start < cols; start += width) await sweep.block(start, Math.min(width, cols - start))
  return sweep.out
}

/** One layer with an input of its own. */
export async function sparsegpt(
  { weight, rows, cols, factor }: DenseLayer & { cols: number; factor: Factor },
  target: SparsityTarget,
  linear: LinearAlgebra,
): Promise<SparseLayer> {
  const [layer] = await sparsegptMany([{ weight, rows }], cols, factor, target, linear)
  return layer
}

/** The state of a sweep from left to right over layers stacked to R rows. */
class Sweep {
  readonly out: SparseLayer[]
  private readonly layers: readonly DenseLayer[]
  private readonly cols: number
  private readonly rows: number
  private readonly factor: Factor
  private readonly target: SparsityTarget
  private readonly linear: LinearAlgebra
  /** E [cols, R]: e where a weight became zero, else 0. */
  private readonly errors: Float32Array
  /** The weights of the block as compensated so far, [R, width], and which of them become zeros. */
  private readonly values: Float32Array
  private readonly marks: Uint8Array
  /** The last product E^T U, [R, width] or less. */
  private readonly correction: Float32Array
  private readonly selector: LowestSelector

  constructor(
    layers: readonly DenseLayer[],
    cols: number,
    factor: Factor,
    target: SparsityTarget,
    linear: LinearAlgebra,
  ) {
    const rows = layers.reduce((sum, layer) => sum + layer.rows, 0)
    const width = Math.min(cols, blockColumns(target))
    this.layers = layers
    this.cols = cols
    this.rows = rows
    this.factor = factor
    this.target = target
    this.linear = linear
    this.out = layers.map(({ weight }) => ({ weight: new Float32Array(weight.length), mask: newMask(weight.length) }))
    this.errors = new Float32Array(cols * rows)
    this.values = new Float32Array(rows * width)
    this.marks = new Uint8Array(rows * width)
    this.correction = new Float32Array(rows * width)
    const tallest = layers.reduce((most, layer) => Math.max(most, layer.rows), 0)
    this.selector = new LowestSelector(target.kind === 'unstructured' ? tallest * width : 0)
  }

  /** Prunes columns [start, start + width). */
  async block(start: number, width: number): Promise<void> {
    this.load(start, width)
    if (start > 0) subtractStrip(this.values, width, 0, width, await this.product(0, start, start, width))
    if (this.target.kind === 'unstructured') this.chooseMasks(start, width, this.target.ppm)
    const strip = this.target.kind === 'unstructured' ? STRIP_COLUMNS : stripColumns(this.target.m)
    for (let at = 0; at < width; at += strip) {
      const size = Math.min(strip, width - at)
      if (at > 0) subtractStrip(this.values, width, at, size, await this.product(start, at, start + at, size))
      this.sweepStrip(start, width, at, size)
    }
    this.store(start, width)
  }

  /** The block as it was, its dead columns 0. */
  private load(start: number, width: number): void {
    const { values, cols } = this
    let to = 0
    for (const { weight } of this.layers) {
      for (let from = start; from < weight.length; from += cols) {
        for (let j = 0; j < width; j++) values[to++] = weight[from + j]
      }
    }
    for (let j = 0; j < width; j++) {
      if (this.factor.dead[start + j] === 0) continue
      for (let at = j; at < to; at += width) values[at] = 0
    }
  }

  /** E[first, first + depth)^T U[first, first + depth)[start, start + width): [R, width]. */
  private async product(first: number, depth: number, start: number, width: number): Promise<Float32Array> {
    const { rows, cols } = this
    const upper = new Float32Array(depth * width)
    for (let i = 0; i < depth; i++) {
      const from = (first + i) * cols + start
      upper.set(this.factor.upper.subarray(from, from + width), i * width)
    }
    const errors = { data: this.errors.subarray(first * rows, (first + depth) * rows), rows: depth, cols: rows }
    const into = this.correction.subarray(0, rows * width)
    await this.linear.multiply(errors, { data: upper, rows: depth, cols: width }, { transposeA: true, into })
    return into
  }

  /** Marks in each layer the floor(rows * width * s) lowest of w_ij^2 / U_jj^2. */
  private chooseMasks(start: number, width: number, ppm: number): void {
    const { values, marks, selector } = this
    const { scores } = selector
    const weights = this.inverseSquares(start, width)
    let first = 0
    for (const { rows } of this.layers) {
      const size = rows * width
      for (let at = 0; at < size; at += width) {
        for (let j = 0; j < width; j++) {
          const value = values[first + at + j]
          scores[at + j] = value * value * weights[j]
        }
      }
      marks.set(selector.mark(size, floorShare(size, ppm)).subarray(0, size), first)
      first += size
    }
  }

  /** 1 / U_jj^2 for the columns from `start`. */
  private inverseSquares(start: number, width: number): Float64Array {
    const { upper } = this.factor
    return Float64Array.from({ length: width }, (_, j) => 1 / upper[(start + j) * (this.cols + 1)] ** 2)
  }

  /** Algorithm 1, lines 7 to 17, for columns [at, at + size) of the block. */
  private sweepStrip(start: number, width: number, at: number, size: number): void {
    const { rows, cols, errors, values, marks } = this
    const first = start + at
    const upper = new Float64Array(size * size)
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) upper[i * size + j] = this.factor.upper[(first + i) * cols + first + j]
    }
    const choose = this.target.kind === 'pattern' ? this.groupChooser(first, size, this.target.n, this.target.m) : null
    const row = new Float64Array(size)
    for (let r = 0; r < rows; r++) {
      const base = r * width + at
      for (let j = 0; j < size; j++) row[j] = values[base + j]
      for (let i = 0; i < size; i++) {
        if (choose) choose(row, i, marks, base)
        if (marks[base + i] === 0) continue
        const error = row[i] / upper[i * size + i]
        errors[(first + i) * rows + r] = error
        row[i] = 0
        for (let j = i + 1, u = i * size + j; j < size; j++, u++) row[j] -= error * upper[u]
      }
      for (let j = 0; j < size; j++) values[base + j] = row[j]
    }
  }

  /** Marks the n lowest of the m columns that begin at column i of the strip, as they are compensated by then. */
  private groupChooser(first: number, size: number, n: number, m: number) {
    const weights = this.inverseSquares(first, size)
    const scores = new Float64Array(size)
    const lowest = new Uint8Array(size)
    return (row: Float64Array, i: number, marks: Uint8Array, base: number): void => {
      if (i % m !== 0) return
      for (let j = i; j < i + m; j++) scores[j] = row[j] * row[j] * weights[j]
      markLowestOfGroup(scores, lowest, i, n, m)
      for (let j = i; j < i + m; j++) marks[base + j] = lowest[j]
    }
  }

  /** Writes the finished block into the layers and their masks. */
  private store(start: number, width: number): void {
    const { values, marks, cols } = this
    let from = 0
    for (const { weight, mask } of this.out) {
      for (let to = start; to < weight.length; to += cols, from += width) {
        dropMarked(mask, to, marks, from, width)
        for (let j = 0; j < width; j++) weight[to + j] = values[from + j]
      }
    }
  }
}

/** values[:, at : at + size) -= correction, for values [R, width] and correction [R, size]. */
function subtractStrip(values: Float32Array, width: number, at: number, size: number, correction: Float32Array): void {
  for (let from = 0, to = at; from < correction.length; to += width) {
    for (let j = 0; j < size; j++) values[to + j] -= correction[from++]
  }
}

/** The largest multiple of m that is at most STRIP_COLUMNS, or m if it is wider itself. */
function stripColumns(m: number): number {
  return Math.max(m, STRIP_COLUMNS - (STRIP_COLUMNS % m))
}
