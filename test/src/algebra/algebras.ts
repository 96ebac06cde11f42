/** All that can multiply matrices: tests run on each. */
import type { LinearAlgebra } from '../../../src/algebra/linear-algebra.ts'
import { PortableAlgebra } from '../../../src/algebra/portable-algebra.ts'
import { OnnxAlgebra } from '../../../src/runtime/onnx-algebra.ts'

export const ALGEBRAS: { name: string; open(): Promise<LinearAlgebra> }[] = [
  { name: 'ONNX Runtime', open: () => OnnxAlgebra.create() },
  { name: 'WebAssembly', open: async () => new PortableAlgebra() },
]
