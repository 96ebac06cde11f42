/**
 * Finds linear layers by structure: a MatMul or Gemm whose second factor is a float matrix known beforehand, reached
 * through Transpose, Cast and Identity. Names are for people only; exporters lose or change them.
 */
import { clone, create } from '@bufbuild/protobuf'
import { type NodeProto, NodeProtoSchema } from '../onnx/generated/onnx_pb.js'
import { attribute, freshName, GraphIndex, intAttribute } from '../onnx/graph.ts'
import type { OnnxModel } from '../onnx/read.ts'
import { isFloating, type TensorRef } from '../onnx/tensor.ts'

export interface Linear {
  /** Index of the MatMul or Gemm. */
  node: number
  /** The value it multiplies: the layer's input, [..., cols]. */
  input: string
  /** The initializer that holds the weights. */
  weight: TensorRef
  /** Output and input features. */
  rows: number
  cols: number
  /** Whether the initializer is stored [cols, rows], as MatMul wants it, instead of [rows, cols]. */
  stored: 'in-out' | 'out-in'
  /** Nodes between initializer and product, from the initializer on. */
  chain: number[]
}

/** The linear layer that a node is, or undefined. */
export function linearAt(index: GraphIndex, node: number): Linear | undefined {
  const { opType, input } = index.nodes[node]
  if (opType !== 'MatMul' && opType !== 'Gemm') return undefined
  if (index.isConstant(input[0])) return undefined
  const chain: number[] = []
  let transposed = opType === 'Gemm' && intAttribute(index.nodes[node], 'transB', 0) === 1
  if (opType === 'Gemm' && intAttribute(index.nodes[node], 'transA', 0) === 1) return undefined
  let value = input[1]
  for (let maker = index.maker(value); maker !== undefined; maker = index.maker(value)) {
    const step = index.nodes[maker]
    if (step.opType === 'Transpose') {
      if (!swapsTwoAxes(step)) return undefined
      transposed = !transposed
    } else if (step.opType !== 'Cast' && step.opType !== 'Identity') return undefined
    chain.unshift(maker)
    value = step.input[0]
  }
  const weight = index.initializers.get(value)
  if (weight === undefined || weight.dims.length !== 2 || !isFloating(weight.dataType)) return undefined
  const [first, second] = weight.dims
  return {
    node,
    input: input[0],
    weight,
    rows: transposed ? first : second,
    cols: transposed ? second : first,
    stored: transposed ? 'out-in' : 'in-out',
    chain,
  }
}

function swapsTwoAxes(node: NodeProto): boolean {
  const perm = attribute(node, 'perm')?.ints.map(Number)
  return perm === undefined || (perm.length === 2 && perm[0] === 1 && perm[1] === 0)
}

/** A name for people: the path of the node without the operator, else the initializer's name. */
export function layerName(index: GraphIndex, linear: Linear): string {
  const path = index.nodes[linear.node].name.replace(/^\/+/, '').replace(/\/(MatMul|Gemm)(_\d+)?$/, '')
  return path.includes('/') || path.includes('.') ? path.replaceAll('/', '.') : linear.weight.name
}

/**
 * Gives every one of these layers an initializer (and a Transpose or Cast, where one stands before it) of its own.
 * Exporters store equal tensors once; pruning one layer must not change another, or an embedding. Edits the model;
 * returns whether anything had to change.
 */
export function tellApart(model: OnnxModel, layers: readonly Linear[]): boolean {
  const index = new GraphIndex(model)
  const taken = new Set<string>()
  const insertions = new Map<number, NodeProto[]>()
  for (const linear of layers) {
    const { node } = linear
    const shared = [linear.weight.name, ...linear.chain.map((step) => index.nodes[step].output[0])]
    const first = shared.findIndex((value) => index.uses(value).length > 1)
    if (first === -1 || isFirstReader(index, shared, node)) continue
    const name = freshName(model.graph, taken, `${linear.weight.name}_${node}`)
    model.initializers.set(name, { ...linear.weight, name })
    let value = name
    const copies = linear.chain.map((step) => {
      const copy = clone(NodeProtoSchema, index.nodes[step])
      copy.input[0] = value
      value = freshName(model.graph, taken, `${copy.output[0]}_${node}`)
      copy.output = [value]
      copy.name = freshName(model.graph, taken, `${copy.name}_${node}`)
      return create(NodeProtoSchema, copy)
    })
    index.nodes[node].input[1] = value
    insertions.set(node, copies)
  }
  if (insertions.size > 0) model.graph.node = index.nodes.flatMap((node, at) => [...(insertions.get(at) ?? []), node])
  return insertions.size > 0
}

/** Whether a layer may keep a shared tensor: it is the first to read it, and everyone else is a layer that copies. */
function isFirstReader(index: GraphIndex, shared: string[], node: number): boolean {
  const readers = new Set<number>()
  const visit = (value: string) => {
    for (const { node: reader } of index.uses(value)) {
      const step = index.nodes[reader]
      if (['Transpose', 'Cast', 'Identity'].includes(step.opType)) visit(step.output[0])
      else readers.add(linearAt(index, reader)?.weight.name === shared[0] ? reader : -1)
    }
  }
  visit(shared[0])
  return Math.min(...readers) === node
}
