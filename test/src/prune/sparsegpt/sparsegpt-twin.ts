/**
 * SparseGPT as plainly as it can be written: float64 throughout, the inverse of H by elimination, its Cholesky factor,
 * every column updated at once. For comparison with the fast one.
 */
import type { SparsityTarget } from '../../../../src/form/method.ts'

export interface Twin {
  weight: number[][]
  kept: boolean[][]
}

export interface TwinInput {
  weight: Float32Array
  rows: number
  cols: number
  gram: Float32Array
  scale: number
  target: SparsityTarget
  blockSize: number
}

export function sparsegptTwin({ weight, rows, cols, gram, scale, target, blockSize }: TwinInput): Twin {
  const h = Array.from({ length: cols }, (_, i) => Array.from({ length: cols }, (_, j) => scale * gram[i * cols + j]))
  const w = Array.from({ length: rows }, (_, r) => Array.from(weight.subarray(r * cols, (r + 1) * cols)))
  for (let d = 0; d < cols; d++) {
    if (h[d][d] !== 0) continue
    h[d][d] = 1
    for (const row of w) row[d] = 0
  }
  const mean = h.reduce((sum, row, i) => sum + row[i], 0) / cols
  for (let i = 0; i < cols; i++) h[i][i] += 0.01 * mean
  const u = upperCholesky(inverse(h))

  const kept = w.map((row) => row.map(() => true))
  const choose = (columns: number[], rowsOf: number[], count: number) => {
    const entries = rowsOf.flatMap((r) => columns.map((c) => ({ r, c, score: (w[r][c] / u[c][c]) ** 2 })))
    const sorted = entries.map((entry, index) => ({ ...entry, index }))
    sorted.sort((a, b) => a.score - b.score || a.index - b.index)
    for (const { r, c } of sorted.slice(0, count)) kept[r][c] = false
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  for (let start = 0; start < cols; start += blockSize) {
    const end = Math.min(cols, start + blockSize)
    if (target.kind === 'unstructured') {
      const count = Number((BigInt(rows * (end - start)) * BigInt(target.ppm)) / 1_000_000n)
      choose(range(start, end), range(0, rows), count)
    }
    for (let i = start; i < end; i++) {
      if (target.kind === 'pattern' && i % target.m === 0) {
        for (let r = 0; r < rows; r++) choose(range(i, i + target.m), [r], target.n)
      }
      for (let r = 0; r < rows; r++) {
        if (kept[r][i]) continue
        const error = w[r][i] / u[i][i]
        w[r][i] = 0
        for (let j = i + 1; j < cols; j++) w[r][j] -= error * u[i][j]
      }
    }
  }
  return { weight: w, kept }
}

/** Gauss-Jordan elimination; H is positive definite, so no pivoting. */
export function inverse(h: number[][]): number[][] {
  const n = h.length
  const a = h.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))])
  for (let k = 0; k < n; k++) {
    const pivot = a[k][k]
    a[k] = a[k].map((value) => value / pivot)
    for (let i = 0; i < n; i++) {
      const factor = a[i][k]
      if (i !== k && factor !== 0) a[i] = a[i].map((value, j) => value - factor * a[k][j])
    }
  }
  return a.map((row) => row.slice(n))
}

/** U with A = U^T U. */
export function upperCholesky(a: number[][]): number[][] {
  const n = a.length
  const u = a.map((row) => row.map(() => 0))
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let sum = a[i][j]
      for (let k = 0; k < i; k++) sum -= u[k][i] * u[k][j]
      u[i][j] = i === j ? Math.sqrt(sum) : sum / u[i][i]
    }
  }
  return u
}
