/** A block's graph with the adapters of its layers: two thin products beside a layer, or a changed weight. */
import { clone } from '@bufbuild/protobuf'
import type { Decoder } from '../model/forward/decoder.ts'
import type { Linear } from '../model/graph/layers.ts'
import type { PartModel } from '../model/graph/part.ts'
import { nodeMaking, tensorProto, valueInfo } from '../onnx/build.ts'
import { type GraphProto, ModelProtoSchema } from '../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../onnx/tensor.ts'

interface AdaptedBlock {
  rank: number
  /** alpha / rank. */
  scale: number
  /** One entry a layer, in order of role: whether its zeros stay zeros. */
  held: readonly boolean[]
}

/** The name of an adapter's matrix among the block's weights. */
export function adapterName(role: number, matrix: 'a' | 'b'): string {
  return named(role, matrix)
}

/** The model of a block with its adapters as further inputs (see `adapterName`): A [cols, rank], B [rank, rows]. */
export function withAdapters(decoder: Decoder, block: number, model: PartModel, adapted: AdaptedBlock): PartModel {
  const { rank, scale, held } = adapted
  const proto = clone(ModelProtoSchema, model.proto)
  const { graph } = proto
  if (graph === undefined) throw new Error('a part without a graph')
  const weights = new Map(model.weights)
  graph.initializer.push(scalar(SCALE, scale), scalar(ZERO, 0))
  for (const [role, layer] of decoder.cut.blocks[block].layers.entries()) {
    const matrices = [
      [adapterName(role, 'a'), [layer.cols, rank]],
      [adapterName(role, 'b'), [rank, layer.rows]],
    ] as const
    for (const [name, dims] of matrices) {
      weights.set(name, name)
      graph.input.push(valueInfo(name, { dataType: DATA_TYPE.float, dims }))
    }
    if (held[role]) changeWeight(graph, layer, model.weights.get(layer.weight.name) ?? '', role)
    else {
      const scaled = layer.alpha === 1 ? SCALE : named(role, 'scale')
      if (layer.alpha !== 1) graph.initializer.push(scalar(scaled, scale * layer.alpha))
      addBeside(graph, model.inside(decoder.index.nodes[layer.node].output[0]), role, scaled)
    }
  }
  const key = `${model.key}:adapters:${rank}:${scale}:${held.map(Number).join('')}`
  return { ...model, proto, weights, key }
}

const SCALE = 'adapter/scale'
const ZERO = 'adapter/zero'

function scalar(name: string, value: number) {
  return tensorProto({ name, dataType: DATA_TYPE.float, dims: [] }, Float32Array.of(value))
}

/**
 * Adds an adapter beside a layer: y = alpha W x + B (alpha scale A x).
 * @param scale - name of the value alpha scale
 */
function addBeside(graph: GraphProto, product: string, role: number, scale: string): void {
  const at = graph.node.findIndex(({ output }) => output[0] === product)
  const node = graph.node[at]
  const [x] = node.input
  node.output[0] = named(role, 'base')
  graph.node.splice(
    at + 1,
    0,
    nodeMaking(named(role, 'down'), 'MatMul', [x, adapterName(role, 'a')]),
    nodeMaking(named(role, 'scaled'), 'Mul', [named(role, 'down'), scale]),
    nodeMaking(named(role, 'up'), 'MatMul', [named(role, 'scaled'), adapterName(role, 'b')]),
    nodeMaking(product, 'Add', [named(role, 'base'), named(role, 'up')]),
  )
}

/** Puts W + scale B A in place of W wherever W is not zero, in the layout in which W is stored. */
function changeWeight(graph: GraphProto, { stored }: Linear, weight: string, role: number): void {
  const changed = named(role, 'changed')
  for (const node of graph.node) node.input = node.input.map((input) => (input === weight ? changed : input))
  const product = named(role, 'product')
  const turned = named(role, 'turned')
  graph.node.unshift(
    nodeMaking(named(role, 'scaled'), 'Mul', [adapterName(role, 'a'), SCALE]),
    nodeMaking(product, 'MatMul', [named(role, 'scaled'), adapterName(role, 'b')]),
    ...(stored === 'out-in' ? [nodeMaking(turned, 'Transpose', [product])] : []),
    nodeMaking(named(role, 'zeros'), 'Equal', [weight, ZERO]),
    nodeMaking(named(role, 'update'), 'Where', [named(role, 'zeros'), ZERO, stored === 'out-in' ? turned : product]),
    nodeMaking(changed, 'Add', [weight, named(role, 'update')]),
  )
}

function named(role: number, what: string): string {
  return `adapter/${role}/${what}`
}
