/**
 * Rewrites GroupQueryAttention whose past may not be empty, so that it may be. Newer graphs of models with a sliding
 * window keep it in a ring of at least local_window_size positions (sliding_window_cache=1); others are exported with a
 * buffer of fixed length, which the operator fills. At the beginning of a text it reads nothing there: seqlens_k says
 * how many positions count. local_window_size stays. Source: docs/ContribOperators.md of ONNX Runtime.
 */
import { clone } from '@bufbuild/protobuf'
import { type GraphProto, type NodeProto, type ValueInfoProto, ValueInfoProtoSchema } from '../generated/onnx_pb.js'
import { intAttribute } from '../graph.ts'
import { placesOf } from '../operators/table.ts'
import type { Lowered } from './lowered.ts'

const RING = 'sliding_window_cache'
/** The inputs that are its past. */
const PAST = 'pastKey pastValue'

export function plainCache({ model: { graph } }: Lowered): void {
  const buffers = bufferLengths(graph)
  graph.input = graph.input.map((info) => (buffers.has(info.name) ? withFreeLength(info) : info))
  for (const node of graph.node) {
    if (isGroupQuery(node)) node.attribute = node.attribute.filter(({ name }) => name !== RING)
  }
}

function withFreeLength(info: ValueInfoProto): ValueInfoProto {
  const copy = clone(ValueInfoProtoSchema, info)
  const length = copy.type?.tensorType?.shape?.dim[LENGTH_AXIS]
  if (length) length.value = { case: undefined }
  return copy
}

/** The past inputs of a graph that may not be empty, by name, with the number of positions that each must have. */
export function cacheLengths(graph: GraphProto): Map<string, number> {
  const rings = graph.node.filter((node) => isGroupQuery(node) && intAttribute(node, RING, 0) === 1)
  const lengths = rings.flatMap((node) =>
    placesOf(node, PAST).map((slot) => [node.input[slot], intAttribute(node, 'local_window_size', 0)] as const),
  )
  return new Map([...lengths, ...bufferLengths(graph)])
}

/** The past inputs of fixed length that GroupQueryAttention alone reads. */
function bufferLengths({ input, node: nodes }: GraphProto): Map<string, number> {
  const isPast = (name: string) => {
    const uses = nodes.flatMap((node) =>
      node.input.flatMap((value, slot) =>
        value === name ? isGroupQuery(node) && placesOf(node, PAST).includes(slot) : [],
      ),
    )
    return uses.length > 0 && uses.every(Boolean)
  }
  const fixed = input.flatMap(({ name, type }): [string, number][] => {
    const dim = type?.tensorType?.shape?.dim ?? []
    const length = dim.length === PAST_RANK ? dim[LENGTH_AXIS].value : undefined
    return length?.case === 'dimValue' && length.value > 0n ? [[name, Number(length.value)]] : []
  })
  return new Map(fixed.filter(([name]) => isPast(name)))
}

function isGroupQuery({ opType }: NodeProto): boolean {
  return opType === 'GroupQueryAttention'
}

/** [batch, heads, positions, size] */
const PAST_RANK = 4
const LENGTH_AXIS = 2
