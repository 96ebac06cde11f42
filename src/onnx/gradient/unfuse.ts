/**
 * Fused attention as plain operators, since only those have rules: for whole windows from their first token on, without
 * padding and with an empty past, as everything here is computed. Sizes are those of the observed run.
 */
import { clone } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema, type NodeProto } from '../generated/onnx_pb.js'
import { attribute, intAttribute, makeNode } from '../graph.ts'
import { operatorName } from '../operators.ts'
import { noGradient } from './rule.ts'
import { type Observed, Tape } from './tape.ts'

/** Of the names that are made here. */
const PREFIX = 'plain/'
/** Added to scores that are masked: exp of it is 0, and it stays finite. */
const MASKED = -1e30

/** Writes what a node computes, and returns its first output. */
type Unfusing = (tape: Tape, node: NodeProto) => string

/** Places of the inputs of ONNX Runtime's GroupQueryAttention. */
const GROUP_QUERY = { query: 0, key: 1, value: 2, cos: 7, sin: 8, positions: 9, bias: 10, sink: 11 } as const

const UNFUSING: Readonly<Record<string, Unfusing>> = {
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
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
    const result = write(tape, node)
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

/** Source: ONNX Runtime's contrib operators; grouped queries by Ainslie et al. 2023 (arXiv 2305.13245). */
function groupQueryAttention(tape: Tape, node: NodeProto): string {
  const input = (slot: number) => node.input[slot] ?? ''
  if (input(GROUP_QUERY.sink) !== '') throw noGradient(node, 'attention sinks have no rule')
  if (input(GROUP_QUERY.positions) !== '') throw noGradient(node, 'position ids beside the query have no rule')
  if (intAttribute(node, 'smooth_softmax', 0) === 1) throw noGradient(node, 'a smooth softmax has no rule')
  const heads = intAttribute(node, 'num_heads', 0)
  const pairs = intAttribute(node, 'kv_num_heads', heads) // of keys and values
  const group = heads / pairs
  const packed = input(GROUP_QUERY.key) === ''
  const [batch, tokens, width] = tape.shape(input(GROUP_QUERY.query))
  const size = packed ? width / (heads + 2 * pairs) : width / heads
  const [q, k, v] = packed
    ? tape.ops('Split', [input(0), tape.integers([heads * size, pairs * size, pairs * size])], 3, { axis: -1 })
    : [input(GROUP_QUERY.query), input(GROUP_QUERY.key), input(GROUP_QUERY.value)]
  const apart = (value: string, count: number) =>
    tape.op('Transpose', [tape.reshape(value, [batch, tokens, count, size])], { perm: [0, 2, 1, 3] })
  const turned = (value: string) => {
    if (intAttribute(node, 'do_rotary', 0) === 0) return value
    const interleaved = intAttribute(node, 'rotary_interleaved', 0) === 1
    return rotated(tape, value, {
      dims: [batch, value === queries ? heads : pairs, tokens, size],
      caches: [input(GROUP_QUERY.cos), input(GROUP_QUERY.sin)],
      interleaved,
    })
  }
  const queries = apart(q, heads)
  const keys = apart(k, pairs)
  const grouped = tape.reshape(turned(queries), [batch, pairs, group, tokens, size])
  const shared = (value: string) => tape.reshape(value, [batch, pairs, 1, tokens, size])
  const upright = tape.op('Transpose', [shared(turned(keys))], { perm: [0, 1, 2, 4, 3] })
  const scale = attribute(node, 'scale')?.f || 1 / Math.sqrt(size)
  let scores = tape.scale(tape.op('MatMul', [grouped, upright]), scale)
  const cap = attribute(node, 'softcap')?.f ?? 0
  if (cap > 0) scores = tape.scale(tape.op('Tanh', [tape.scale(scores, 1 / cap)]), cap)
  const bias = input(GROUP_QUERY.bias)
  if (bias !== '') scores = withBias(tape, scores, bias, [batch, pairs, group, tokens])
  scores = tape.op('Add', [scores, causalMask(tape, tokens, intAttribute(node, 'local_window_size', -1))])
  const read = tape.op('MatMul', [tape.op('Softmax', [scores], { axis: -1 }), shared(apart(v, pairs))])
  const together = tape.op('Transpose', [tape.reshape(read, [batch, heads, tokens, size])], { perm: [0, 2, 1, 3] })
  return tape.reshape(together, [batch, tokens, heads * size])
}

/** A bias [batch or 1, heads or 1, tokens, tokens], added head by head. */
function withBias(tape: Tape, scores: string, bias: string, [batch, pairs, group, tokens]: readonly number[]): string {
  const whole = tape.reshape(scores, [batch, pairs * group, tokens, tokens])
  return tape.reshape(tape.op('Add', [whole, bias]), [batch, pairs, group, tokens, tokens])
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
  /** Cosines and sines, [positions, half]; the first `tokens` rows count. */
  caches: readonly [string, string]
  /** Whether 2i and 2i + 1 turn together, instead of i and i + half. */
  interleaved: boolean
}

/** Source: Su et al. 2021 (arXiv 2104.09864), equation 34. What is beyond the caches' width does not turn. */
function rotated(tape: Tape, value: string, { dims, caches, interleaved }: Rotation): string {
  const [batch, heads, tokens, size] = dims
  const half = tape.shape(caches[0])[1]
  const table = (cache: string) =>
    tape.op('Slice', [cache, tape.integers([0]), tape.integers([tokens]), tape.integers([0])])
  const [cos, sin] = caches.map(table)
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

/** Input [batch, tokens, heads * size] or [batch, heads, tokens, size], at positions 0, 1, 2 and so on. */
function rotaryEmbedding(tape: Tape, node: NodeProto): string {
  const [x, , cos, sin] = node.input
  const shape = tape.shape(x)
  const interleaved = intAttribute(node, 'interleaved', 0) === 1
  if (shape.length === 4) return rotated(tape, x, { dims: shape, caches: [cos, sin], interleaved })
  const [batch, tokens, width] = shape
  const half = tape.shape(cos)[1]
  const heads = intAttribute(node, 'num_heads', 0) || width / (2 * half)
  const perm = [0, 2, 1, 3]
  const split = tape.op('Transpose', [tape.reshape(x, [batch, tokens, heads, width / heads])], { perm })
  const dims = [batch, heads, tokens, width / heads]
  const turned = tape.op('Transpose', [rotated(tape, split, { dims, caches: [cos, sin], interleaved })], { perm })
  return tape.reshape(turned, shape)
}
