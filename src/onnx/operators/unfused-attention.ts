/** Attention as plain operators. */
import { noGradient } from '../gradient/rule.ts'
import type { Tape } from '../gradient/tape.ts'
import { attribute, intAttribute } from '../graph.ts'
import type { Fused } from './operator.ts'
import { headsApart, headsTogether, rotated } from './unfused-rotary.ts'

/** Added to scores that are masked: exp of it is 0, and it stays finite. */
const MASKED = -1e30

interface AttentionDims {
  batch: number
  tokens: number
  heads: number
  /** Heads of keys and values; each is shared by heads / pairs of the queries. */
  pairs: number
  /** The widths of a head's queries and keys, and of its values. */
  size: number
  width: number
}

/** The parts of attention: the softmax of scaled products, over values. */
interface Attention {
  dims: AttentionDims
  /** [batch, heads, tokens, size], turned already. */
  queries: string
  /** [batch, pairs, tokens, size], turned already. */
  keys: string
  /** [batch, pairs, tokens, width] */
  values: string
  /** The factor of the products; 0 stands for 1 / sqrt(size). */
  scale: number
  /** `cap` tanh(score / cap) instead of a score; 0: no cap. */
  cap: number
  /** Added to scores, broadcast to [batch, heads, tokens, tokens]; '': nothing is. */
  bias: string
  /** Whether tokens see only earlier tokens, and how many at most, itself included; -1: all. */
  causal: boolean
  window: number
}

/** [batch, heads, tokens, width]. Source: Vaswani et al. 2017, equation 1; shared keys: Ainslie et al. 2023. */
function attend(tape: Tape, { dims, queries, keys, values, scale, cap, bias, causal, window }: Attention): string {
  const { batch, tokens, heads, pairs, size, width } = dims
  const shared = (value: string, last: number) => {
    if (heads === pairs) return value
    const single = tape.reshape(value, [batch, pairs, 1, tokens, last])
    const repeated = tape.op('Expand', [single, tape.integers([batch, pairs, heads / pairs, tokens, last])])
    return tape.reshape(repeated, [batch, heads, tokens, last])
  }
  const upright = tape.op('Transpose', [shared(keys, size)], { perm: [0, 1, 3, 2] })
  let scores = tape.scale(tape.op('MatMul', [queries, upright]), scale || 1 / Math.sqrt(size))
  if (cap > 0) scores = tape.scale(tape.op('Tanh', [tape.scale(scores, 1 / cap)]), cap)
  if (bias !== '') scores = tape.op('Add', [scores, bias])
  if (causal) scores = tape.op('Add', [scores, causalMask(tape, tokens, window)])
  return tape.op('MatMul', [tape.op('Softmax', [scores], { axis: -1 }), shared(values, width)])
}

/** Source: ONNX Runtime's contrib operators. */
export function groupQueryAttention({ tape, node, input }: Fused): string {
  if (input('sink') !== '') throw noGradient(node, 'attention sinks have no rule')
  if (intAttribute(node, 'smooth_softmax', 0) === 1) throw noGradient(node, 'a smooth softmax has no rule')
  const heads = intAttribute(node, 'num_heads', 0)
  const pairs = intAttribute(node, 'kv_num_heads', heads)
  const packed = input('key') === ''
  const [batch, tokens, whole] = tape.shape(input('query'))
  const size = packed ? whole / (heads + 2 * pairs) : whole / heads
  const [q, k, v] = packed
    ? tape.ops('Split', [input('query'), tape.integers([heads * size, pairs * size, pairs * size])], 3, { axis: -1 })
    : [input('query'), input('key'), input('value')]
  const turned = (value: string, count: number) => {
    const apart = headsApart(tape, value, [batch, tokens, count, size])
    if (intAttribute(node, 'do_rotary', 0) === 0) return apart
    return rotated(tape, apart, {
      dims: [batch, count, tokens, size],
      caches: [input('cos'), input('sin')],
      positions: input('positions'),
      interleaved: intAttribute(node, 'rotary_interleaved', 0) === 1,
    })
  }
  const dims = { batch, tokens, heads, pairs, size, width: size }
  const read = attend(tape, {
    dims,
    queries: turned(q, heads),
    keys: turned(k, pairs),
    values: headsApart(tape, v, [batch, tokens, pairs, size]),
    scale: attribute(node, 'scale')?.f ?? 0,
    cap: attribute(node, 'softcap')?.f ?? 0,
    bias: input('bias'),
    causal: true,
    window: intAttribute(node, 'local_window_size', -1),
  })
  return headsTogether(tape, read, dims)
}

/** Source: ONNX Runtime's contrib operators. Queries, keys and values each [batch, tokens, heads * size]. */
export function multiHeadAttention({ tape, node, input }: Fused): string {
  if (input('padding') !== '' || input('indirection') !== '') throw noGradient(node, 'a mask of padding has no rule')
  const given = ['query', 'key', 'value'].map(input)
  if (given.some((each) => each === '' || tape.shape(each).length !== 3))
    throw noGradient(node, 'packed queries, keys and values have no rule')
  const [[batch, tokens, wide], , [, , wideValues]] = given.map((each) => tape.shape(each))
  const heads = intAttribute(node, 'num_heads', 0)
  const dims = { batch, tokens, heads, pairs: heads, size: wide / heads, width: wideValues / heads }
  // Queries, keys and values stay in one piece here, because the bias is one piece.
  const sizes = tape.integers([wide, wide, wideValues])
  const biased = () => tape.op('Add', [tape.op('Concat', given, { axis: -1 }), input('bias')])
  const [q, k, v] = input('bias') === '' ? given : tape.ops('Split', [biased(), sizes], 3, { axis: -1 })
  const read = attend(tape, {
    dims,
    queries: headsApart(tape, q, [batch, tokens, heads, dims.size]),
    keys: headsApart(tape, k, [batch, tokens, heads, dims.size]),
    values: headsApart(tape, v, [batch, tokens, heads, dims.width]),
    scale: attribute(node, 'scale')?.f ?? 0,
    cap: 0,
    bias: input('scores'),
    causal: intAttribute(node, 'unidirectional', 0) === 1,
    window: -1,
  })
  return headsTogether(tape, read, dims)
}

/**
 * Source: the operator Attention of ONNX, version 23. Each input [batch, heads, tokens, size], or with heads joined.
 */
export function standardAttention({ tape, node, input, isTruth }: Fused): string {
  const [q, k, v, mask] = ['query', 'key', 'value', 'mask'].map(input)
  const apart = tape.shape(q).length === 4
  const count = (value: string, name: string) => (apart ? tape.shape(value)[1] : intAttribute(node, name, 0))
  const [heads, pairs] = [count(q, 'q_num_heads'), count(k, 'kv_num_heads')]
  const [batch, tokens] = [tape.shape(q)[0], tape.shape(q)[apart ? 2 : 1]]
  const sizeOf = (value: string, own: number) => (apart ? tape.shape(value)[3] : tape.shape(value)[2] / own)
  const dims = { batch, tokens, heads, pairs, size: sizeOf(q, heads), width: sizeOf(v, pairs) }
  const split = (value: string, own: number) =>
    apart ? value : headsApart(tape, value, [batch, tokens, own, sizeOf(value, own)])
  const read = attend(tape, {
    dims,
    queries: split(q, heads),
    keys: split(k, pairs),
    values: split(v, pairs),
    scale: attribute(node, 'scale')?.f ?? 0,
    cap: attribute(node, 'softcap')?.f ?? 0,
    bias: isTruth(mask) ? tape.op('Where', [mask, tape.scalar(0), tape.scalar(MASKED)]) : mask,
    causal: intAttribute(node, 'is_causal', 0) === 1,
    window: -1,
  })
  return apart ? read : headsTogether(tape, read, dims)
}

/** [tokens, tokens]: each sees itself and those before it, the last `window` of them if that is not negative. */
function causalMask(tape: Tape, tokens: number, window: number): string {
  const mask = Float32Array.from({ length: tokens * tokens }, (_, at) => {
    const [row, column] = [Math.floor(at / tokens), at % tokens]
    return column > row || (window >= 0 && column <= row - window) ? MASKED : 0
  })
  return tape.floats(mask, [tokens, tokens])
}
