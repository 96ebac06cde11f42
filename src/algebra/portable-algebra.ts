/**
 * Matrix products whose bits are the same on every machine: multiplications and additions of float32, each rounded by
 * itself to nearest even (IEEE 754), in an order that is fixed:
 *
 *   out = c, or +0
 *   for each 256 terms of the sum, the last ones maybe fewer: s = +0; s += a_ik b_kj for k upwards; out += s, or -s
 *
 * Sums of some terms at a time lose less than one of all. The operations are a WebAssembly module's (products.wat). The
 * bits of a NaN alone may differ between machines. The module has memory of its own, so each thread has one.
 */
import { type LinearAlgebra, type Matrix, type ProductOptions, productShape } from './linear-algebra.ts'
import { PRODUCTS } from './products.ts'

/** The tile that a loop of products.wat computes. */
const [TILE_ROWS, TILE_COLS] = [4, 8]
/** Rows of the result that are computed at once, so that their share of the left factor stays in the cache. */
const ROWS_AT_ONCE = 256
/** With a distance of 2^n bytes, all terms of a row would share a few places of the first-level cache. */
const SPREAD = 16
/** The unit in which a module's memory grows. */
const PAGE_BYTES = 65_536
const BYTES = Float32Array.BYTES_PER_ELEMENT

/** The exports of products.wat. */
interface Products {
  memory: { buffer: ArrayBuffer; grow(pages: number): void }
  addProduct(
    rows: number,
    cols: number,
    depth: number,
    a: number,
    line: number,
    term: number,
    b: number,
    out: number,
    sign: 1 | -1,
  ): void
}

/** The part of WebAssembly that is used here: Node's types have none of it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: unknown }
}

export class PortableAlgebra implements LinearAlgebra {
  private readonly products: Products

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(PRODUCTS, 'base64'))
    this.products = new WebAssembly.Instance(module).exports as Products
  }

  async multiply(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    const { rows, cols } = productShape(null, a, b, options)
    const out = { data: new Float32Array(rows * cols), rows, cols }
    this.add(out, a, b, options, 1)
    return out
  }

  async multiplySubtract(c: Matrix, a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    productShape(c, a, b, options)
    const out = { ...c, data: c.data.slice() }
    this.add(out, a, b, options, -1)
    return out
  }

  async dispose(): Promise<void> {}

  /** Adds the product, times the sign, to `out`, some rows at a time. */
  private add(out: Matrix, a: Matrix, b: Matrix, { transposeA, transposeB }: ProductOptions, sign: 1 | -1): void {
    const { rows, cols } = out
    const depth = transposeA ? a.rows : a.cols
    const width = roundUp(cols, TILE_COLS)
    const height = Math.min(ROWS_AT_ONCE, roundUp(rows, TILE_ROWS))
    const [line, term] = transposeA ? [1, height + SPREAD] : [depth, 1]
    const [left, right, result] = this.areas([Math.max(line * height, term * depth), depth * width, height * width])
    writePanels(right, b, transposeB)
    for (let top = 0; top < rows; top += height) {
      const count = Math.min(height, rows - top)
      if (transposeA) copyRows(a.data.subarray(top), a.cols, left, term, depth, count)
      else left.set(a.data.subarray(top * depth, (top + count) * depth))
      const part = out.data.subarray(top * cols, (top + count) * cols)
      copyRows(part, cols, result, width, count, cols)
      this.products.addProduct(
        roundUp(count, TILE_ROWS),
        width,
        depth,
        left.byteOffset,
        line * BYTES,
        term * BYTES,
        right.byteOffset,
        result.byteOffset,
        sign,
      )
      copyRows(result, width, part, cols, count, cols)
    }
  }

  /** Arrays of these lengths in the module's memory, side by side. */
  private areas(lengths: readonly number[]): Float32Array[] {
    const { memory } = this.products
    const missing = lengths.reduce((sum, length) => sum + length, 0) * BYTES - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES))
    let at = 0
    return lengths.map((length) => {
      const area = new Float32Array(memory.buffer, at, length)
      at += area.byteLength
      return area
    })
  }
}

/** Writes a right factor in panels of columns, [panel, depth, TILE_COLS]; the last one is filled up with zeros. */
function writePanels(out: Float32Array, { data, rows, cols }: Matrix, transposed = false): void {
  const [depth, lines] = transposed ? [cols, rows] : [rows, cols]
  const [line, term] = transposed ? [cols, 1] : [1, cols]
  out.fill(0)
  for (let j = 0; j < lines; j++) {
    const first = j - (j % TILE_COLS)
    let to = first * depth + j - first
    for (let from = j * line, k = 0; k < depth; k++, from += term, to += TILE_COLS) out[to] = data[from]
  }
}

/** Copies [rows, cols] of a matrix. @param fromWidth, toWidth - the distance of two rows */
function copyRows(
  from: Float32Array,
  fromWidth: number,
  to: Float32Array,
  toWidth: number,
  rows: number,
  cols: number,
): void {
  if (fromWidth === cols && toWidth === cols) to.set(from.subarray(0, rows * cols))
  else for (let i = 0; i < rows; i++) to.set(from.subarray(i * fromWidth, i * fromWidth + cols), i * toWidth)
}

function roundUp(count: number, unit: number): number {
  return Math.ceil(count / unit) * unit
}
