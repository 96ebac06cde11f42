/** Rotary embeddings as plain operators. */
import type { Tape } from '../gradient/tape.ts'
import { intAttribute } from '../graph.ts'
import type { Fused } from './operator.ts'

/** [batch, tokens, heads * size] as [batch, heads, tokens, size]. */
export function headsApart(tape: Tape, value: string, [batch, tokens, heads, size]: readonly number[]): string {
  return tape.op('Transpose', [tape.reshape(value, [batch, tokens, heads, size])], { perm: [0, 2, 1, 3] })
}

/** The reverse of headsApart. */
export function headsTogether(
  tape: Tape,
  value: string,
  { batch, tokens, heads, width }: Record<'batch' | 'tokens' | 'heads' | 'width', number>,
): string {
  return tape.reshape(tape.op('Transpose', [value], { perm: [0, 2, 1, 3] }), [batch, tokens, heads * width])
}

interface Rotation {
  /** [batch, heads, tokens, size] */
  dims: readonly number[]
  /** Cosines and sines: [positions, half], or of each token [batch, tokens, half]. */
  caches: readonly [string, string]
  /** [batch, tokens]; '': from 0 on. */
  positions: string
  /** Whether 2i and 2i + 1 turn together, instead of i and i + half. */
  interleaved: boolean
}

/** Source: Su et al. 2021 (arXiv 2104.09864), equation 34. Features beyond the caches' width are not rotated. */
export function rotated(tape: Tape, value: string, { dims, caches, positions, interleaved }: Rotation): string {
  const [batch, heads, tokens, size] = dims
  const half = tape.shape(caches[0]).at(-1) ?? 0
  const [cos, sin] = caches.map((cache) => table(tape, cache, positions, [batch, tokens, half]))
  const rest = size - 2 * half
  const [turning, resting] =
    rest === 0 ? [value] : tape.ops('Split', [value, tape.integers([2 * half, rest])], 2, { axis: -1 })
  const halves = interleaved ? [batch, heads, tokens, half, 2] : [batch, heads, tokens, 2, half]
  const axis = interleaved ? 4 : 3
  const parts = tape.ops('Split', [tape.reshape(turning, halves), tape.integers([1, 1])], 2, { axis })
  const [a, b] = parts.map((part) => tape.reshape(part, [batch, heads, tokens, half]))
  const product = (x: string, y: string) => tape.op('Mul', [x, y])
  const turned = [
    tape.op('Sub', [product(a, cos), product(b, sin)]),
    tape.op('Add', [product(b, cos), product(a, sin)]),
  ].map((part) => tape.reshape(part, interleaved ? [batch, heads, tokens, half, 1] : [batch, heads, tokens, 1, half]))
  const whole = tape.reshape(tape.op('Concat', turned, { axis }), [batch, heads, tokens, 2 * half])
  return resting === undefined ? whole : tape.op('Concat', [whole, resting], { axis: -1 })
}

/** The rows of a cache for each token: [tokens, half], or [batch, 1, tokens, half]. */
function table(tape: Tape, cache: string, positions: string, [batch, tokens, half]: readonly number[]): string {
  if (tape.shape(cache).length === 3) return tape.reshape(cache, [batch, 1, tokens, half])
  if (positions === '')
    return tape.op('Slice', [cache, tape.integers([0]), tape.integers([tokens]), tape.integers([0])])
  const [windows] = tape.shape(positions)
  return tape.reshape(tape.op('Gather', [cache, positions]), [windows, 1, tokens, half])
}

/** ONNX Runtime's operator. Its second input has positions, or the first position of all windows, which is 0 here. */
export function rotaryEmbedding(fused: Fused): string {
  const positions = fused.input('positions')
  return rotary(fused, fused.tape.shape(positions).length === 2 ? positions : '')
}

/** Source: the operator RotaryEmbedding of ONNX, version 23. */
export function standardRotary(fused: Fused): string {
  return rotary(fused, fused.input('positions'))
}

/** Input [batch, tokens, heads * size] or [batch, heads, tokens, size]. */
function rotary({ tape, node, input }: Fused, positions: string): string {
  const [x, cos, sin] = ['data', 'cos', 'sin'].map(input)
  const shape = tape.shape(x)
  const rotation = {
    caches: [cos, sin] as const,
    positions,
    interleaved: intAttribute(node, 'interleaved', 0) === 1,
  }
  if (shape.length === 4) return rotated(tape, x, { ...rotation, dims: shape })
  const [batch, tokens, width] = shape
  const half = tape.shape(cos).at(-1) ?? 0
  const heads = intAttribute(node, 'num_heads', 0) || width / (2 * half)
  const size = width / heads
  const apart = headsApart(tape, x, [batch, tokens, heads, size])
  const turned = rotated(tape, apart, { ...rotation, dims: [batch, heads, tokens, size] })
  return headsTogether(tape, turned, { batch, tokens, heads, width: size })
}
