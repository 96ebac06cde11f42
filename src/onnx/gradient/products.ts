/** Formulas of products of matrices. */
import { attribute, intAttribute } from '../graph.ts'
import { type BackwardStep, NoRuleError, type Rule } from './rule.ts'
import type { Tape } from './tape.ts'

const times = (tape: Tape, a: string, b: string, transA: number, transB: number, alpha = 1) =>
  tape.op('Gemm', [a, b], { alpha: { float: alpha }, transA, transB })

/** The last two axes change places. */
function swapped(tape: Tape, value: string): string {
  const rank = tape.shape(value).length
  const perm = Array.from({ length: rank }, (_, axis) => axis)
  ;[perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2]
  return tape.op('Transpose', [value], { perm })
}

/** x [..., k] times W [k, n]: all rows of x stand in one matrix. */
function rowsTimesMatrix({ node, tape, d, wants }: BackwardStep): readonly (string | null)[] {
  const [x, w] = node.input
  const [k, n] = tape.shape(w)
  const flat = tape.reshape(d, [-1, n])
  const dx = () => tape.reshape(times(tape, flat, w, 0, 1), tape.shape(x))
  const dw = () => times(tape, tape.reshape(x, [-1, k]), flat, 1, 0)
  return [wants(0) ? dx() : null, wants(1) ? dw() : null]
}

/** dA = d B^T, dB = A^T d, summed over batch axes that were broadcast. */
export const matmul: Rule = (step) => {
  const { node, tape, d, wants } = step
  const [a, b] = node.input
  const [shapeA, shapeB, shapeY] = [a, b, node.output[0]].map((value) => tape.shape(value))
  if (shapeA.length < 2 || shapeB.length < 2) throw new NoRuleError('an operand that is a vector')
  if (shapeB.length === 2) return rowsTimesMatrix(step)
  const batch = shapeY.slice(0, -2)
  const da = () => tape.unbroadcast(tape.op('MatMul', [d, swapped(tape, b)]), [...batch, ...shapeA.slice(-2)], shapeA)
  const db = () => tape.unbroadcast(tape.op('MatMul', [swapped(tape, a), d]), [...batch, ...shapeB.slice(-2)], shapeB)
  return [wants(0) ? da() : null, wants(1) ? db() : null]
}

/** Y = alpha A' B' + beta C, where A' and B' are transposed if the attributes say so. */
export const gemm: Rule = ({ node, tape, d, wants }) => {
  const [a, b, c] = node.input
  const transA = intAttribute(node, 'transA', 0)
  const transB = intAttribute(node, 'transB', 0)
  const alpha = attribute(node, 'alpha')?.f ?? 1
  const beta = attribute(node, 'beta')?.f ?? 1
  const da = () => (transA ? times(tape, b, d, transB, 1, alpha) : times(tape, d, b, 0, 1 - transB, alpha))
  const db = () => (transB ? times(tape, d, a, 1, transA, alpha) : times(tape, a, d, 1 - transA, 0, alpha))
  const dc = () => tape.scale(tape.unbroadcast(d, tape.shape(node.output[0]), tape.shape(c)), beta)
  return [wants(0) ? da() : null, wants(1) ? db() : null, wants(2) ? dc() : null]
}
