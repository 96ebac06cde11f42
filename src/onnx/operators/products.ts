/** Products of matrices. */
import { gemm, matmul } from '../gradient/products.ts'
import type { Operators } from './operator.ts'

export const PRODUCTS: Operators = {
  Einsum: { matrix: 'factor' },
  Gemm: { slots: 'a b c?', axes: 'gemm', matrix: 'factor', matrices: 'a b', gradient: gemm },
  MatMul: { slots: 'a b', axes: 'matmul', positionwise: true, matrix: 'factor', gradient: matmul },
}
