/** The arithmetic of a solve: who multiplies its matrices. All else of a solve has the same bits on every machine. */
import type { LinearAlgebra } from '../../algebra/linear-algebra.ts'
import { PortableAlgebra } from '../../algebra/portable-algebra.ts'

/**
 * `fast`: ONNX Runtime's, whose last bits differ between processors; for what one site computes. `portable`: the same
 * bits everywhere; for what members must agree on.
 */
export type Arithmetic = 'fast' | 'portable'

/** One thread's algebra, which adds no threads. Portable arithmetic does not load ONNX Runtime. */
export async function openAlgebra(arithmetic: Arithmetic): Promise<LinearAlgebra> {
  if (arithmetic === 'portable') return new PortableAlgebra()
  const { OnnxAlgebra } = await import('../../runtime/onnx-algebra.ts')
  return OnnxAlgebra.create({ threads: 1 })
}
