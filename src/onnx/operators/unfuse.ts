/**
 * Fused attention as plain operators, since only those have rules: for whole windows from their first token on, without
 * padding and with an empty past, as everything here is computed. Sizes are those of the observed run.
 */
import { clone } from '@bufbuild/protobuf'
import { type GraphProto, type ModelProto, ModelProtoSchema, type NodeProto } from '../generated/onnx_pb.js'
import { noGradient } from '../gradient/rule.ts'
import { type Observed, Tape } from '../gradient/tape.ts'
import { attribute, intAttribute, makeNode } from '../graph.ts'
import { DATA_TYPE } from '../tensor.ts'
import { operatorName } from './operators.ts'

/** Of the names that are made here. */
const PREFIX = 'plain/'
/** Added to scores that are masked: exp of it is 0, and it stays finite. */
const MASKED = -1e30

/** Writes what a node computes, and returns its first output. */
type Unfusing = (tape: Tape, node: NodeProto, graph: GraphProto) => string

/** Places of the inputs of ONNX Runtime's GroupQueryAttention. */
const GROUP_QUERY = { query: 0, key: 1, value: 2, cos: 7, sin: 8, positions: 9, bias: 10, sink: 11 } as const
/** Of its MultiHeadAttention. */
const MULTI_HEAD = { query: 0, key: 1, value: 2, bias: 3, padding: 4, scores: 5, indirection: 9 } as const

const UNFUSING: Readonly<Record<string, Unfusing>> = {
  Attention: standardAttention,
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
  'com.microsoft:MultiHeadAttention': multiHeadAttention,
  RotaryEmbedding: standardRotary,
  'com.microsoft:RotaryEmbedding': rotaryEmbedding,
}

/** The model without fused attention. @throws {InputError} OPERATOR_NO_GRADIENT */
export function unfuse(model: ModelProto, observed: Observed): ModelProto {
  const proto = clone(ModelProtoSchema, model)
  const { graph } = proto
  if (graph === undefined) throw new Error('a model without a graph')
  const read = new Set([...graph.node.flatMap(({ input }) => input), ...graph.output.map(({ name }) => name)])
  const tape = new Tape(observed, PREFIX)
  let written = 0
  graph.node = graph.node.flatMap((node) => {
    const write = UNFUSING[operatorName(node)]
    if (write === undefined) return [node]
    const [first, ...others] = node.output
    if (others.some((output) => read.has(output))) throw noGradient(node, 'something reads its keys and values')
    const result = write(tape, node, graph)
    const nodes = [...tape.nodes.slice(written), makeNode('Identity', [result], [first], { name: `${PREFIX}${first}` })]
    written = tape.nodes.length
    return nodes
  })
  graph.initializer.push(...tape.constants)
  return proto
}

export function isFused({ graph }: ModelProto): boolean {
  return graph?.node.some((node) => Object.hasOwn(UNFUSING, operatorName(node))) ?? false
}

interface AttentionDims {
  batch: number
  tokens: number
  heads: number
  /** Heads of keys and values; each is shared by heads / pairs of the queries. */
  pairs: number
  /** Of a head's queries and keys, and of its values. */
  size: number
  width: number
}

/** What all fused attention computes: the softmax of scaled products, over values. */
interface Attention {
  dims: AttentionDims
  /** [batch, heads, tokens, size], turned already. */
  queries: string
  /** [batch, pairs, tokens, size], turned already. */
  keys: string
  /** [batch, pairs, tokens, width] */
  values: string
  /** By which products are multiplied; 0: by one over the root of `size`. */
  scale: number
  /** `cap` tanh(score / cap) instead of a score; 0: no cap. */
  cap: number
  /** Added to scores, broadcast to [batch, heads, tokens, tokens]; '': nothing is. */
  bias: string
  /** Whether no token sees those behind it, and how many it sees at most, itself among them; -1: all. */
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

/** [batch, tokens, heads * size] as [batch, heads, tokens, size]. */
function headsApart(tape: Tape, value: string, [batch, tokens, heads, size]: readonly number[]): string {
  return tape.op('Transpose', [tape.reshape(value, [batch, tokens, heads, size])], { perm: [0, 2, 1, 3] })
}

/** And back. */
function headsTogether(tape: Tape, value: string, { batch, tokens, heads, width }: AttentionDims): string {
  return tape.reshape(tape.op('Transpose', [value], { perm: [0, 2, 1, 3] }), [batch, tokens, heads * width])
}

/** Source: ONNX Runtime's contrib operators. */
function groupQueryAttention(tape: Tape, node: NodeProto): string {
  const input = (slot: number) => node.input[slot] ?? ''
  if (input(GROUP_QUERY.sink) !== '') throw noGradient(node, 'attention sinks have no rule')
  if (intAttribute(node, 'smooth_softmax', 0) === 1) throw noGradient(node, 'a smooth softmax has no rule')
  const heads = intAttribute(node, 'num_heads', 0)
  const pairs = intAttribute(node, 'kv_num_heads', heads)
  const packed = input(GROUP_QUERY.key) === ''
  const [batch, tokens, whole] = tape.shape(input(GROUP_QUERY.query))
  const size = packed ? whole / (heads + 2 * pairs) : whole / heads
  const [q, k, v] = packed
    ? tape.ops('Split', [input(0), tape.integers([heads * size, pairs * size, pairs * size])], 3, { axis: -1 })
    : [input(GROUP_QUERY.query), input(GROUP_QUERY.key), input(GROUP_QUERY.value)]
  const turned = (value: string, count: number) => {
    const apart = headsApart(tape, value, [batch, tokens, count, size])
    if (intAttribute(node, 'do_rotary', 0) === 0) return apart
    return rotated(tape, apart, {
      dims: [batch, count, tokens, size],
      caches: [input(GROUP_QUERY.cos), input(GROUP_QUERY.sin)],
      positions: input(GROUP_QUERY.positions),
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
    bias: input(GROUP_QUERY.bias),
    causal: true,
    window: intAttribute(node, 'local_window_size', -1),
  })
  return headsTogether(tape, read, dims)
}

/** Source: ONNX Runtime's contrib operators. Queries, keys and values each [batch, tokens, heads * size]. */
function multiHeadAttention(tape: Tape, node: NodeProto): string {
  const input = (slot: number) => node.input[slot] ?? ''
  const { query, key, value, bias, padding, scores, indirection } = MULTI_HEAD
  if (input(padding) !== '' || input(indirection) !== '') throw noGradient(node, 'a mask of padding has no rule')
  const given = [query, key, value].map(input)
  if (given.some((each) => each === '' || tape.shape(each).length !== 3))
    throw noGradient(node, 'packed queries, keys and values have no rule')
  const [[batch, tokens, wide], , [, , wideValues]] = given.map((each) => tape.shape(each))
  const heads = intAttribute(node, 'num_heads', 0)
  const dims = { batch, tokens, heads, pairs: heads, size: wide / heads, width: wideValues / heads }
  // In one piece, so that the bias is met in one piece.
  const sizes = tape.integers([wide, wide, wideValues])
  const biased = () => tape.op('Add', [tape.op('Concat', given, { axis: -1 }), input(bias)])
  const [q, k, v] = input(bias) === '' ? given : tape.ops('Split', [biased(), sizes], 3, { axis: -1 })
  const read = attend(tape, {
    dims,
    queries: headsApart(tape, q, [batch, tokens, heads, dims.size]),
    keys: headsApart(tape, k, [batch, tokens, heads, dims.size]),
    values: headsApart(tape, v, [batch, tokens, heads, dims.width]),
    scale: attribute(node, 'scale')?.f ?? 0,
    cap: 0,
    bias: input(scores),
    causal: intAttribute(node, 'unidirectional', 0) === 1,
    window: -1,
  })
  return headsTogether(tape, read, dims)
}

/**
 * Source: the operator Attention of ONNX, version 23. Each input [batch, heads, tokens, size], or with heads joined.
 */
function standardAttention(tape: Tape, node: NodeProto, graph: GraphProto): string {
  const [q, k, v, mask = ''] = node.input
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
    bias: isTruth(graph, mask) ? tape.op('Where', [mask, tape.scalar(0), tape.scalar(MASKED)]) : mask,
    causal: intAttribute(node, 'is_causal', 0) === 1,
    window: -1,
  })
  return apart ? read : headsTogether(tape, read, dims)
}

const TRUTHS: ReadonlySet<string> = new Set(
  'And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor'.split(' '),
)
const CARRYING: ReadonlySet<string> = new Set(
  'Concat Expand Gather Identity Reshape Slice Squeeze Transpose Unsqueeze'.split(' '),
)

/** Whether a value's elements are true or false: then it says what is seen, and is not added. */
function isTruth(graph: GraphProto, value: string): boolean {
  const node = graph.node.find(({ output }) => output.includes(value))
  if (node === undefined) {
    const given = graph.input.find(({ name }) => name === value)?.type?.tensorType?.elemType
    return (given ?? graph.initializer.find(({ name }) => name === value)?.dataType) === DATA_TYPE.bool
  }
  if (node.opType === 'Cast') return intAttribute(node, 'to', 0) === DATA_TYPE.bool
  if (node.opType === 'Where') return isTruth(graph, node.input[1])
  return TRUTHS.has(node.opType) || (CARRYING.has(node.opType) && isTruth(graph, node.input[0]))
}

/** [tokens, tokens]: each sees itself and those before it, the last `window` of them if that is not negative. */
function causalMask(tape: Tape, tokens: number, window: number): string {
  const mask = Float32Array.from({ length: tokens * tokens }, (_, at) => {
    const [row, column] = [Math.floor(at / tokens), at % tokens]
    return column > row || (window >= 0 && column <= row - window) ? MASKED : 0
  })
  return tape.floats(mask, [tokens, tokens])
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

/** Source: Su et al. 2021 (arXiv 2104.09864), equation 34. What is beyond the caches' width does not turn. */
function rotated(tape: Tape, value: string, { dims, caches, positions, interleaved }: Rotation): string {
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

/** What a cache says of each token: [tokens, half], or [batch, 1, tokens, half]. */
function table(tape: Tape, cache: string, positions: string, [batch, tokens, half]: readonly number[]): string {
  if (tape.shape(cache).length === 3) return tape.reshape(cache, [batch, 1, tokens, half])
  if (positions === '')
    return tape.op('Slice', [cache, tape.integers([0]), tape.integers([tokens]), tape.integers([0])])
  const [windows] = tape.shape(positions)
  return tape.reshape(tape.op('Gather', [cache, positions]), [windows, 1, tokens, half])
}

/** ONNX Runtime's: its second input is positions, or of all windows the first one, which is 0 here. */
function rotaryEmbedding(tape: Tape, node: NodeProto): string {
  const [x, positions, cos, sin] = node.input
  return rotary(tape, node, { x, positions: tape.shape(positions).length === 2 ? positions : '', cos, sin })
}

/** Source: the operator RotaryEmbedding of ONNX, version 23. */
function standardRotary(tape: Tape, node: NodeProto): string {
  const [x, cos, sin, positions = ''] = node.input
  return rotary(tape, node, { x, positions, cos, sin })
}

/** Input [batch, tokens, heads * size] or [batch, heads, tokens, size]. */
function rotary(
  tape: Tape,
  node: NodeProto,
  { x, positions, cos, sin }: { x: string; positions: string; cos: string; sin: string },
): string {
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
  return headsTogether(tape, turned, { batch, tokens, heads, pairs: heads, size, width: size })
}
