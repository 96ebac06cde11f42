/**
 * New numbers of heads for fused operators, which have them in attributes, and new shapes for the pasts that they read
 * and pass on. The size of a head and rotary tables stay.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { intAttribute } from '../../onnx/graph.ts'
import type { Operator } from '../../onnx/operators/operator.ts'
import { inputOf, operatorOf, placesOf } from '../../onnx/operators/table.ts'
import type { Axes, Axis } from '../find/labels.ts'

type Heads = NonNullable<Operator['heads']>

/** [batch, heads, tokens, size] */
const RANK_APART = 4

interface FusedAttention {
  /** The attributes that change. */
  counts: Record<string, number>
  /** Inputs and outputs [batch, heads, positions, size], with their new numbers of heads. */
  pasts: { inputs: number[]; outputs: number[]; heads: number } | undefined
}

/** Gives the labels of the axes of a value, and the number of given places that stay. */
interface Cut {
  axesOf(value: string): Axes
  kept(places: Int32Array): number
}

/** The numbers of heads in the attributes of a node; undefined: it has none. */
export function resizeFused(node: NodeProto, cut: Cut): FusedAttention | undefined {
  const heads = operatorOf(node)?.heads
  if (heads === undefined) return undefined
  return placesOf(node, 'query').length === 0 ? rotary(node, heads, cut) : attention(node, heads, cut)
}

/** The number of heads that are left, of `heads` that lie one after the other along an axis. */
function headsLeft(axis: Axis, heads: number, { kept }: Cut): number {
  return axis === null ? heads : (heads * kept(axis)) / axis.length
}

const last = (axes: Axes): Axis => axes[axes.length - 1] ?? null

/** If queries have heads on an axis of their own, no attribute holds the number. */
function attention(node: NodeProto, { queries, pairs }: Heads, cut: Cut): FusedAttention {
  const [query, key] = ['query', 'key'].map((name) => cut.axesOf(inputOf(node, name)))
  const pasts = (heads: number) => ({ inputs: placesOf(node, 'pastKey pastValue'), outputs: [1, 2], heads })
  if (query.length === RANK_APART) return { counts: {}, pasts: key[1] ? pasts(cut.kept(key[1])) : undefined }
  const heads = intAttribute(node, queries, 0)
  if (pairs === undefined) {
    const left = headsLeft(last(query), heads, cut)
    return { counts: { [queries]: left }, pasts: pasts(left) }
  }
  const shared = intAttribute(node, pairs, heads)
  let [q, k] = [query, key].map(last)
  if (inputOf(node, 'key') === '' && q !== null) {
    const size = q.length / (heads + 2 * shared) // queries, keys and values in one
    ;[q, k] = [q.subarray(0, heads * size), q.subarray(heads * size, (heads + shared) * size)]
  }
  const [left, sharedLeft] = [headsLeft(q, heads, cut), headsLeft(k, shared, cut)]
  return { counts: { [queries]: left, [pairs]: sharedLeft }, pasts: pasts(sharedLeft) }
}

/** This attribute is used only if heads are joined, and it may be missing. */
function rotary(node: NodeProto, { queries }: Heads, cut: Cut): FusedAttention {
  const heads = intAttribute(node, queries, 0)
  if (heads === 0) return { counts: {}, pasts: undefined }
  const axes = cut.axesOf(inputOf(node, 'data'))
  const axis = axes.length === RANK_APART ? axes[1] : last(axes)
  return { counts: { [queries]: headsLeft(axis, heads, cut) }, pasts: undefined }
}
