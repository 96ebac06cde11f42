/**
 * SparseGPT goes through the columns from left to right; the weights to the right of a zeroed weight make up for it.
 * Source: Frantar, Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot", ICML 2023,
 * section 3 and algorithm 1. With H^-1 = U^T U, zeroing w_i costs (w_i / U_ii)^2 and is best compensated by subtracting
 * e_i U_ij, e_i = w_i / U_ii, from every w_j, j > i.
 *
 * The mask of a block of 128 columns is chosen over all rows of a layer when the block is reached; under a pattern, the
 * mask of a group of m columns when the group is reached. Deviation from the authors' program: counts are exact (theirs
 * compares with `<=` and zeroes a weight more in each block).
 *
 * It is fast for three reasons. Rows are independent once the mask is known, so layers that read the same input are
 * swept together. Updates are pulled, not pushed: a block is compensated by one product when it is reached, from the
 * distances that all columns before it have moved (see algebra/factor.ts); each strip of a block likewise, from
 * the errors in the block. Only the sweep inside a strip is JavaScript.
 */

import type { FactorBlock } from '../../algebra/factor.ts'
import type { LinearAlgebra, Matrix } from '../../algebra/linear-algebra.ts'
import { floorShare } from '../../base/decimal.ts'
import { newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { LowestSelector } from '../masks/lowest.ts'
import { dropMarked } from '../masks/marks.ts'
import { assertFinite, assertLength, assertTarget, blockColumns } from '../masks/target.ts'
import type { Factor } from './hessian.ts'
import { ROWS_TOGETHER, Strip } from './strip.ts'

export { type Factor, factorise } from './hessian.ts'

export interface DenseLayer {
  /** Row-major [rows, cols]. */
  weight: Float32Array
  rows: number
}

interface SparseLayer {
  /** Row-major [rows, cols]: compensated, +0 where the mask has 0. */
  weight: Float32Array
  /** Bitmap, 1 = kept. */
  mask: Uint8Array
  /** The sum of e^2 over all zeroed weights: what pruning costs, by the damped Hessian. */
  loss: number
}

/**
 * Columns that are swept in JavaScript between two products; a multiple of m under a pattern. Narrower strips mean more
 * products, wider ones more JavaScript (measured for SmolLM2-135M's shapes: flat from 12 to 16, slower at 8, 24 and
 * 32).
 */
const STRIP_COLUMNS = 16
/** The number of rows of a block of 128 columns, twice, that fit a first-level cache. */
const ROWS_IN_CACHE = 32

/**
 * Prunes layers that read the same input, each with a mask of its own. A mask has exactly floor(rows * width * s) zeros
 * in every block of columns, or n of every m consecutive columns of a row; the lowest (score, row-major index in the
 * block) become zeros first.
 * @throws {InputError} NOT_FINITE: a weight is NaN or infinite
 * @throws {InputError} PATTERN_COLUMNS, PATTERN_WIDE: the pattern does not fit
 * @throws {RangeError} the factor is not one for these columns: the caller's mistake
 */
export async function sparsegptMany(
  layers: readonly DenseLayer[],
  cols: number,
  factor: Factor,
  target: SparsityTarget,
  linear: LinearAlgebra,
): Promise<SparseLayer[]> {
  assertLength('dead', factor.dead, cols)
  for (const { weight, rows } of layers) {
    assertTarget(rows, cols, target)
    assertLength('weight', weight, rows * cols)
    assertFinite('weight', weight, rows, cols)
  }
  const width = Math.min(cols, blockColumns(target))
  if (factor.blocks[0]?.width !== width) throw new RangeError(`a factor in blocks of ${width} columns is needed`)
  const sweep = new Sweep(layers, cols, factor, target, linear)
  for (const block of factor.blocks) await sweep.block(block)
  return sweep.out
}

/** Prunes one layer with an input of its own; throws as sparsegptMany does. */
export async function sparsegpt(
  { weight, rows, cols, factor }: DenseLayer & { cols: number; factor: Factor },
  target: SparsityTarget,
  linear: LinearAlgebra,
): Promise<SparseLayer> {
  const [layer] = await sparsegptMany([{ weight, rows }], cols, factor, target, linear)
  return layer
}

/** The state of a sweep from left to right over layers stacked to R rows, R rounded up to a multiple of four. */
class Sweep {
  readonly out: SparseLayer[]
  private readonly layers: readonly DenseLayer[]
  private readonly cols: number
  private readonly rows: number
  private readonly factor: Factor
  private readonly target: SparsityTarget
  private readonly linear: LinearAlgebra
  /** [cols, R]: the distance w' - w that each weight of the columns so far has moved. */
  private readonly moved: Float32Array
  /** E [width, R] of a block: e where a weight became zero, else 0. */
  private readonly errors: Float32Array
  /** Columns of a block before pruning, [R, width]. */
  private readonly base: Float32Array
  /** 1 where a weight of the block becomes zero. */
  private readonly marks: Uint8Array
  private readonly selector: LowestSelector

  constructor(
    layers: readonly DenseLayer[],
    cols: number,
    factor: Factor,
    target: SparsityTarget,
    linear: LinearAlgebra,
  ) {
    const stacked = layers.reduce((sum, layer) => sum + layer.rows, 0)
    const tallest = layers.reduce((most, layer) => Math.max(most, layer.rows), 0)
    const rows = Math.ceil(stacked / ROWS_TOGETHER) * ROWS_TOGETHER
    const width = Math.min(cols, blockColumns(target))
    this.layers = layers
    this.cols = cols
    this.rows = rows
    this.factor = factor
    this.target = target
    this.linear = linear
    this.out = layers.map(({ weight: { length } }) => ({
      ...{ weight: new Float32Array(length), mask: newMask(length), loss: 0 },
    }))
    this.moved = new Float32Array(cols * rows)
    this.errors = new Float32Array(width * rows)
    this.base = new Float32Array(rows * width)
    this.marks = new Uint8Array(rows * width)
    this.selector = new LowestSelector(target.kind === 'unstructured' ? tallest * width : 0)
  }

  async block(block: FactorBlock): Promise<void> {
    const { rows, target, errors, marks } = this
    const { width, corner } = block
    const values = await this.load(block)
    if (target.kind === 'unstructured') this.chooseMasks(values, block, target.ppm)
    const pattern = target.kind === 'pattern' ? target : null
    const most = stripColumns(target)
    for (let at = 0; at < width; at += most) {
      const size = Math.min(most, width - at)
      if (at > 0) {
        const before = { data: errors.subarray(0, at * rows), rows: at, cols: rows } // E of the block so far
        const { data } = await this.linear.multiply(before, upperOf(corner, width, at, size), { transposeA: true })
        subtractStrip(values, width, at, size, data)
      }
      const strip = new Strip(corner, width, at, size, pattern)
      strip.sweep({ rows, width, values, marks }, at, errors.subarray(at * rows, (at + size) * rows))
    }
    this.addLosses(width)
    this.store(values, block)
  }

  /** Adds up e^2 of the block's columns, layer by layer. */
  private addLosses(width: number): void {
    const { errors, layers, out, rows } = this
    let first = 0
    for (const [k, layer] of layers.entries()) {
      const end = first + layer.rows
      let loss = 0
      for (let j = 0; j < width; j++) for (let row = first; row < end; row++) loss += square(errors[j * rows + row])
      out[k].loss += loss
      first = end
    }
  }

  /**
   * The weights of a block, [R, width]: dead columns are 0, the rest is compensated for all columns before the block.
   */
  private async load({ start, width, reach }: FactorBlock): Promise<Float32Array> {
    const { rows, cols, layers, factor, moved } = this
    const base = this.base.subarray(0, rows * width)
    let to = 0
    for (const { weight } of layers) {
      for (let from = start; from < weight.length; from += cols, to += width) {
        base.set(weight.subarray(from, from + width), to)
      }
    }
    base.fill(0, to) // rows for padding, which may hold a wider block's weights
    for (let j = 0; j < width; j++) {
      if (factor.dead[start + j] === 1) for (let at = j; at < to; at += width) base[at] = 0
    }
    if (start === 0) return base.slice()
    const matrix = { data: base, rows, cols: width }
    const before = { data: moved.subarray(0, start * rows), rows: start, cols: rows }
    const reaching = { data: reach, rows: start, cols: width }
    return (await this.linear.multiplySubtract(matrix, before, reaching, { transposeA: true })).data
  }

  /** Marks in each layer the floor(rows * width * s) lowest of w_ij^2 / U_jj^2. */
  private chooseMasks(values: Float32Array, { width, corner }: FactorBlock, ppm: number): void {
    const { marks, selector } = this
    const { scores } = selector
    const weights = Float64Array.from({ length: width }, (_, j) => 1 / square(corner[j * (width + 1)]))
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

  /** moved[start + j, :] = values[:, j] - base[:, j], some rows at a time, which stay in the cache. */
  private move(values: Float32Array, start: number, width: number): void {
    const { base, moved, rows } = this
    for (let top = 0; top < rows; top += ROWS_IN_CACHE) {
      const bottom = Math.min(rows, top + ROWS_IN_CACHE)
      for (let j = 0; j < width; j++) {
        const to = (start + j) * rows
        for (let row = top; row < bottom; row++) moved[to + row] = values[row * width + j] - base[row * width + j]
      }
    }
  }

  /** Writes the finished block into the layers and their masks, and records the distances that it has moved. */
  private store(values: Float32Array, { start, width }: FactorBlock): void {
    if (start + width < this.cols) this.move(values, start, width)
    let from = 0
    for (const { weight, mask } of this.out) {
      for (let to = start; to < weight.length; to += this.cols, from += width) {
        dropMarked(mask, to, this.marks, from, width)
        weight.set(values.subarray(from, from + width), to)
      }
    }
  }
}

function square(value: number): number {
  return value * value
}

/** A copy of rows [0, at) and columns [at, at + size) of a corner [width, width]. */
function upperOf(corner: Float32Array, width: number, at: number, size: number): Matrix {
  const data = new Float32Array(at * size)
  for (let i = 0; i < at; i++) data.set(corner.subarray(i * width + at, i * width + at + size), i * size)
  return { data, rows: at, cols: size }
}

/** values[:, at : at + size) -= correction, for values [R, width] and correction [R, size]. */
function subtractStrip(values: Float32Array, width: number, at: number, size: number, correction: Float32Array): void {
  for (let from = 0, to = at; from < correction.length; to += width) {
    for (let j = 0; j < size; j++) values[to + j] -= correction[from++]
  }
}

/** Columns of a strip. Under a pattern: the largest multiple of m up to STRIP_COLUMNS, or m if that is larger. */
function stripColumns(target: SparsityTarget): number {
  if (target.kind === 'unstructured') return STRIP_COLUMNS
  return Math.max(target.m, STRIP_COLUMNS - (STRIP_COLUMNS % target.m))
}
