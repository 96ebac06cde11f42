/**
 * Solves A x = b by the Cholesky factorisation of A, positive definite.
 * @param upper - A's upper triangle, row-major [n, n]; it is overwritten
 * @param b - it is overwritten by x, and returned
 */
export function solveSymmetric(upper: Float64Array, b: Float64Array): Float64Array {
  const n = b.length
  for (let k = 0; k < n; k++) {
    const pivot = Math.sqrt(upper[k * n + k])
    for (let j = k; j < n; j++) upper[k * n + j] /= pivot
    for (let i = k + 1; i < n; i++) {
      const factor = upper[k * n + i]
      if (factor !== 0) for (let j = i; j < n; j++) upper[i * n + j] -= factor * upper[k * n + j]
    }
  }
  for (let k = 0; k < n; k++) {
    b[k] /= upper[k * n + k]
    for (let j = k + 1; j < n; j++) b[j] -= upper[k * n + j] * b[k]
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) b[k] -= upper[k * n + j] * b[j]
    b[k] /= upper[k * n + k]
  }
  return b
}
