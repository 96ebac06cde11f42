/** Changes declared shapes of graph inputs and outputs: the past that a block reads, and the one that it passes on. */
import { create } from '@bufbuild/protobuf'
import { TensorShapeProto_DimensionSchema, type ValueInfoProto } from '../../onnx/generated/onnx_pb.js'
import { like } from '../../onnx/graph.ts'
import { operatorOf } from '../../onnx/operators/table.ts'
import { refuse } from './refusal.ts'
import type { Slicer } from './slicer.ts'

/** [batch, heads, positions, size] */
const PAST_RANK = 4

/** The places that are left, one entry an axis. */
type Changed = ReadonlyMap<number, number>

export function declareShapes(slicer: Slicer): void {
  for (const { name } of slicer.copy.model.graph.output) resizeOutput(slicer, name, slicer.changedAxes(name))
  for (const node of slicer.decoder.index.nodes) {
    const { input, output } = node
    if (operatorOf(node)?.axes !== 'concat' || !slicer.followed.model.holds(output[0])) continue
    const changed = slicer.changedAxes(output[0])
    for (const value of input) resizePast(slicer, value, changed)
  }
}

/** Changes the past that a block reads: an input, perhaps of another element type, or an empty constant. */
export function resizePast(slicer: Slicer, value: string | undefined, changed: Changed): void {
  if (!value || changed.size === 0) return
  const { graph } = slicer.copy.model
  const { index } = slicer.decoder
  const made = index.maker(value)
  if (made === undefined) graph.input = graph.input.map((info) => (info.name === value ? resized(info, changed) : info))
  else if (index.nodes[made].opType === 'Cast') resizePast(slicer, index.nodes[made].input[0], changed)
  else if (index.nodes[made].opType === 'ConstantOfShape') {
    assertOwn(slicer, value)
    slicer.tell(index.nodes[made], 0, PAST_RANK, changed)
  }
}

/** An empty past that several blocks read would need several sizes. */
function assertOwn({ decoder, followed }: Slicer, value: string): void {
  const { index, cut } = decoder
  const own = new Set(followed.part.nodes)
  const others = cut.blocks.flatMap(({ nodes }) => nodes).filter((node) => !own.has(node))
  if (index.uses(value).some(({ node }) => others.includes(node)))
    throw refuse(decoder, `makes one empty past ("${value}") for several blocks`)
}

/** Changes the outputs that pass keys and values on, perhaps in another element type. */
export function resizeOutput(slicer: Slicer, value: string | undefined, changed: Changed): void {
  if (!value || changed.size === 0) return
  const { graph } = slicer.copy.model
  graph.output = graph.output.map((info) => (info.name === value ? resized(info, changed) : info))
  const { index } = slicer.decoder
  for (const { node } of index.uses(value)) {
    const reader = index.nodes[node]
    if (operatorOf(reader)?.axes === 'same') resizeOutput(slicer, reader.output[0], changed)
  }
}

function resized(info: ValueInfoProto, changed: Changed): ValueInfoProto {
  const tensorType = info.type?.tensorType
  const shape = tensorType?.shape
  if (info.type === undefined || !tensorType || !shape || changed.size === 0) return info
  const dim = shape.dim.map((known, axis) => {
    const size = changed.get(axis)
    if (size === undefined) return known
    return create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } })
  })
  return like(info, { type: like(info.type, { tensorType: like(tensorType, { shape: like(shape, { dim }) }) }) })
}
