/**
 * Numbers of heads that fused operators are told by attributes, and the pasts that they read and hand on: what a sliced
 * model must say instead. The size of a head and rotary tables stay.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { intAttribute } from '../../onnx/graph.ts'
import { operatorName } from '../../onnx/operators/operators.ts'
import type { Axes, Axis } from '../find/labels.ts'

interface FusedAttention {
  /** Attributes that change. */
  counts: Record<string, number>
  /** Inputs and outputs [batch, heads, positions, size], and how many heads they have from now on. */
  pasts: { inputs: number[]; outputs: number[]; heads: number } | undefined
}

/** Labels of the axes of a value, and how many of some places stay. */
interface Cut {
  axesOf(value: string): Axes
  kept(places: Int32Array): number
}

type Resize = (node: NodeProto, cut: Cut) => FusedAttention

const RESIZING: Readonly<Record<string, Resize>> = {
  Attention: standardAttention,
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
  'com.microsoft:MultiHeadAttention': multiHeadAttention,
  RotaryEmbedding: rotaryEmbedding,
  'com.microsoft:RotaryEmbedding': rotaryEmbedding,
}

/** What a node is told of heads; undefined: it is told nothing. */
export function resizeFused(node: NodeProto, cut: Cut): FusedAttention | undefined {
  const name = operatorName(node)
  return Object.hasOwn(RESIZING, name) ? RESIZING[name](node, cut) : undefined
}

/** Heads that are left of `heads` that lie one after the other along an axis. */
function headsLeft(axis: Axis, heads: number, { kept }: Cut): number {
  return axis === null ? heads : (heads * kept(axis)) / axis.length
}

const last = (axes: Axes): Axis => axes[axes.length - 1] ?? null

function groupQueryAttention(node: NodeProto, cut: Cut): FusedAttention {
  const heads = intAttribute(node, 'num_heads', 0)
  const pairs = intAttribute(node, 'kv_num_heads', heads)
  const [query, key] = node.input
  let [q, k] = [query, key].map((value) => last(cut.axesOf(value)))
  if (key === '' && q !== null) {
    const size = q.length / (heads + 2 * pairs) // queries, keys and values in one
    ;[q, k] = [q.subarray(0, heads * size), q.subarray(heads * size, (heads + pairs) * size)]
  }
  const [num_heads, kv_num_heads] = [headsLeft(q, heads, cut), headsLeft(k, pairs, cut)]
  return { counts: { num_heads, kv_num_heads }, pasts: { inputs: [3, 4], outputs: [1, 2], heads: kv_num_heads } }
}

function multiHeadAttention(node: NodeProto, cut: Cut): FusedAttention {
  const heads = headsLeft(last(cut.axesOf(node.input[0])), intAttribute(node, 'num_heads', 0), cut)
  return { counts: { num_heads: heads }, pasts: { inputs: [6, 7], outputs: [1, 2], heads } }
}

/** With heads on an axis of their own nothing is told. */
function standardAttention(node: NodeProto, cut: Cut): FusedAttention {
  const [q, k] = node.input.map((value) => cut.axesOf(value))
  const pasts = (heads: number) => ({ inputs: [4, 5], outputs: [1, 2], heads })
  if (q.length === 4) return { counts: {}, pasts: k[1] ? pasts(cut.kept(k[1])) : undefined }
  const q_num_heads = headsLeft(last(q), intAttribute(node, 'q_num_heads', 0), cut)
  const kv_num_heads = headsLeft(last(k), intAttribute(node, 'kv_num_heads', 0), cut)
  return { counts: { q_num_heads, kv_num_heads }, pasts: pasts(kv_num_heads) }
}

/** Told only where heads are joined, and not always there. */
function rotaryEmbedding(node: NodeProto, cut: Cut): FusedAttention {
  const heads = intAttribute(node, 'num_heads', 0)
  const axes = cut.axesOf(node.input[0])
  if (heads === 0) return { counts: {}, pasts: undefined }
  const axis = axes.length === 4 ? axes[1] : last(axes)
  return { counts: { num_heads: headsLeft(axis, heads, cut) }, pasts: undefined }
}
