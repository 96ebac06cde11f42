/**
 * Word counts from sums over a text. If a token t puts the vector v_t into a layer, the sums over the text are those of
 * v_t v_t^T (its Gram matrix), of v_t^2 (its mean squares), or of v_t v_t^T without its diagonal (its products),
 * weighted by how often the text has t. The weights are solved for by least squares among counts that are not negative,
 * one coordinate after the other.
 */
import type { LinearAlgebra, Matrix } from '../../../../src/algebra/linear-algebra.ts'

/** The sums that are attacked: a Gram matrix [d, d], one whose diagonal is not known, squares [d], or vectors [d]. */
export type SumKind = 'gram' | 'products' | 'squares' | 'vectors'

/** The normal equations of the counts: products of every two tokens' terms, [n, n]. */
export interface Kernel {
  kind: SumKind
  /** The vector of each token, [n, d]; squared, if squares are summed. */
  terms: Matrix
  products: Float32Array
}

export interface Score {
  /** Share of the text's types among as many guesses. */
  types: number
  /** Correlation of the counts that were found with those of the text; 0 if one count is found for all. */
  correlation: number
  /** The number of types of the text whose count was found exactly, and of all its types. */
  exact: number
  all: number
}

/** @param vectors - of each token, [n, d] */
export async function kernelOf(linear: LinearAlgebra, vectors: Matrix, kind: SumKind): Promise<Kernel> {
  const squares = { ...vectors, data: vectors.data.map((x) => x * x) }
  const terms = kind === 'squares' ? squares : vectors
  const { data: products } = await linear.multiply(terms, terms, { transposeB: true })
  if (isOfPairs(kind)) for (let i = 0; i < products.length; i++) products[i] *= products[i] // (v_s . v_t)^2
  if (kind !== 'products') return { kind, terms, products }
  const { data: diagonal } = await linear.multiply(squares, squares, { transposeB: true })
  return { kind, terms, products: products.map((product, i) => product - diagonal[i]) }
}

/**
 * The counts by which these sums are best explained, one a token.
 * @param sums - over the text: [d, d], of which what stands below the diagonal is not read; or [d]
 * @param sweeps - the most times that each count is adjusted
 */
export async function solveCounts(
  linear: LinearAlgebra,
  { kind, terms, products }: Kernel,
  sums: Float32Array,
  sweeps: number,
): Promise<Float64Array> {
  const { rows: n, cols: d } = terms
  const target = isOfPairs(kind) ? await quadratic(linear, terms, symmetric(sums, d)) : linearForm(terms, sums)
  const counts = new Float64Array(n)
  const left = Float64Array.from(target) // target minus products times counts
  for (let sweep = 0, moved = 1; sweep < sweeps && moved > SETTLED; sweep++) {
    moved = 0
    for (let t = 0; t < n; t++) {
      const step = Math.max(-counts[t], left[t] / products[t * n + t])
      if (step === 0) continue
      counts[t] += step
      moved = Math.max(moved, Math.abs(step))
      for (let s = 0; s < n; s++) left[s] -= step * products[t * n + s]
    }
  }
  return counts
}

function isOfPairs(kind: SumKind): boolean {
  return kind === 'gram' || kind === 'products'
}

/** Counts are whole numbers, so smaller steps change nothing. */
const SETTLED = 1e-3

/** v_t^T G v_t of each token. */
async function quadratic(linear: LinearAlgebra, terms: Matrix, gram: Matrix): Promise<Float64Array> {
  const { data } = await linear.multiply(terms, gram)
  const { rows, cols } = terms
  return Float64Array.from({ length: rows }, (_, t) => dot(data, terms.data, t * cols, t * cols, cols))
}

function linearForm({ data, rows, cols }: Matrix, sums: Float32Array): Float64Array {
  return Float64Array.from({ length: rows }, (_, t) => dot(data, sums, t * cols, 0, cols))
}

function dot(a: Float32Array, b: Float32Array, fromA: number, fromB: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += a[fromA + i] * b[fromB + i]
  return sum
}

function symmetric(upper: Float32Array, d: number): Matrix {
  const data = upper.slice()
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) data[i * d + j] = upper[j * d + i]
  return { data, rows: d, cols: d }
}

/** Compares counts that were found with those of the text. */
export function scored(found: Float64Array, counts: Float64Array): Score {
  const types = counts.reduce((sum, count) => sum + Number(count > 0), 0)
  const order = [...found.keys()].sort((a, b) => found[b] - found[a] || a - b)
  const right = order.slice(0, types).filter((token) => found[token] > 0 && counts[token] > 0).length
  const exact = counts.reduce((sum, count, t) => sum + Number(count > 0 && Math.round(found[t]) === count), 0)
  return { types: right / types, correlation: correlationOf(found, counts), exact, all: types }
}

function correlationOf(a: Float64Array, b: Float64Array): number {
  const [x, y] = [a, b].map((values) =>
    values.map((value) => value - values.reduce((s, v) => s + v, 0) / values.length),
  )
  const product = (p: Float64Array, q: Float64Array) => p.reduce((sum, value, i) => sum + value * q[i], 0)
  const size = Math.sqrt(product(x, x) * product(y, y))
  return size === 0 ? 0 : product(x, y) / size
}
