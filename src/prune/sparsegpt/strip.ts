/**
 * The innermost part of SparseGPT: a few columns from left to right, on all rows, in JavaScript. Columns come in
 * groups: m columns under an n:m pattern, else the whole strip. A group is processed in three steps: its weights are
 * compensated for the errors before it; under a pattern its mask is chosen; its columns are swept one by one.
 *
 * Four rows are processed together, so that four independent sums hide the latency of an addition, and nothing branches
 * on the mask, which cannot be predicted (measured for 3072 rows: 4.6 ns a weight, instead of 10.1 row by row with a
 * branch).
 */
import { markLowestOfGroup } from '../masks/pattern.ts'

/** Rows of `values` and `marks` are a multiple of this; rows for padding hold zeros. */
export const ROWS_TOGETHER = 4

/** A block of columns of the stacked layers, [rows, width]. */
interface Block {
  rows: number
  width: number
  /** Weights, compensated for all columns before the strip. */
  values: Float32Array
  /** 1 where a weight becomes zero. */
  marks: Uint8Array
}

export class Strip {
  private readonly size: number
  private readonly group: number
  /** The number of zeros of a group; null if the marks are set already. */
  private readonly zeros: number | null
  /** U of the strip, transposed, [size, size]: U_ki at [i, k]; 1 / U_ii on the diagonal. */
  private readonly upper: Float64Array
  /** 1 / U_ii^2. */
  private readonly weights: Float64Array
  /** e of the four rows: that of column k and row r is at 4 k + r. */
  private readonly errors: Float64Array
  private readonly scores: Float64Array
  private readonly lowest: Uint8Array

  /** @param first - the strip's first column in `upper`, U [cols, cols] */
  constructor(
    upper: Float32Array,
    cols: number,
    first: number,
    size: number,
    pattern: { n: number; m: number } | null,
  ) {
    this.size = size
    this.group = pattern?.m ?? size
    this.zeros = pattern?.n ?? null
    this.upper = new Float64Array(size * size)
    this.weights = new Float64Array(size)
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < i; k++) this.upper[i * size + k] = upper[(first + k) * cols + first + i]
      const inverse = 1 / upper[(first + i) * (cols + 1)]
      this.upper[i * size + i] = inverse
      this.weights[i] = inverse * inverse
    }
    this.errors = new Float64Array(size * ROWS_TOGETHER)
    this.scores = new Float64Array(size)
    this.lowest = new Uint8Array(size)
  }

  /** Sweeps columns [at, at + size) of the block; e of column i goes to errors[i * rows, (i + 1) * rows). */
  sweep(block: Block, at: number, errors: Float32Array): void {
    const { size, group } = this
    const { rows, width } = block
    for (let row = 0; row < rows; row += ROWS_TOGETHER) {
      const base = row * width + at
      for (let start = 0; start < size; start += group) {
        if (start > 0) this.compensate(block, base, start)
        if (this.zeros !== null) this.choose(block, base, start, this.zeros)
        this.sweepGroup(block, base, start, errors, row)
      }
    }
  }

  /** w_i -= sum over k < start of e_k U_ki, for the columns i of the group, in four rows from `base`. */
  private compensate({ values, width }: Block, base: number, start: number): void {
    const { size, upper, errors } = this
    for (let i = start; i < start + this.group; i++) {
      const a = base + i
      const b = a + width
      const c = b + width
      const d = c + width
      let wa = values[a]
      let wb = values[b]
      let wc = values[c]
      let wd = values[d]
      for (let k = 0, e = 0; k < start; k++, e += 4) {
        const u = upper[i * size + k]
        wa -= errors[e] * u
        wb -= errors[e + 1] * u
        wc -= errors[e + 2] * u
        wd -= errors[e + 3] * u
      }
      values[a] = wa
      values[b] = wb
      values[c] = wc
      values[d] = wd
    }
  }

  /** Marks the group's weights with the lowest w_i^2 / U_ii^2, in four rows from `base`. */
  private choose({ values, marks, width }: Block, base: number, start: number, zeros: number): void {
    const { scores, lowest, weights, group } = this
    for (let row = base; row < base + ROWS_TOGETHER * width; row += width) {
      for (let i = start; i < start + group; i++) scores[i] = values[row + i] * values[row + i] * weights[i]
      markLowestOfGroup(scores, lowest, start, zeros, group)
      for (let i = start; i < start + group; i++) marks[row + i] = lowest[i]
    }
  }

  /** e_i = w_i / U_ii where marked, else 0; w_i becomes 0 where marked: w (1 - mark) + 0, which is never -0. */
  private sweepGroup(
    { values, marks, width, rows }: Block,
    base: number,
    start: number,
    out: Float32Array,
    row: number,
  ): void {
    const { size, upper, errors } = this
    for (let i = start; i < start + this.group; i++) {
      const a = base + i
      const b = a + width
      const c = b + width
      const d = c + width
      let wa = values[a]
      let wb = values[b]
      let wc = values[c]
      let wd = values[d]
      let e = 4 * start
      for (let k = start; k < i; k++, e += 4) {
        const u = upper[i * size + k]
        wa -= errors[e] * u
        wb -= errors[e + 1] * u
        wc -= errors[e + 2] * u
        wd -= errors[e + 3] * u
      }
      const inverse = upper[i * size + i]
      const to = i * rows + row
      out[to] = errors[e] = wa * inverse * marks[a]
      out[to + 1] = errors[e + 1] = wb * inverse * marks[b]
      out[to + 2] = errors[e + 2] = wc * inverse * marks[c]
      out[to + 3] = errors[e + 3] = wd * inverse * marks[d]
      values[a] = wa * (1 - marks[a]) + 0
      values[b] = wb * (1 - marks[b]) + 0
      values[c] = wc * (1 - marks[c]) + 0
      values[d] = wd * (1 - marks[d]) + 0
    }
  }
}
