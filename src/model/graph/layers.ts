/**
 * Finds linear layers by structure: a MatMul or Gemm whose second factor is a float matrix known beforehand, reached
 * through Transpose, Cast and Identity. Names serve messages only; exporters lose or change them.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { attribute, type GraphIndex, intAttribute } from '../../onnx/graph.ts'
import { passesMatrix } from '../../onnx/operators/table.ts'
import { isFloating, type TensorRef } from '../../onnx/tensor.ts'

export interface Linear {
  /** Index of the MatMul or Gemm. */
  node: number
  /** The value that is multiplied, the layer's input: [..., cols]. */
  input: string
  /** The initializer that holds the weights. */
  weight: TensorRef
  /** Output and input features. */
  rows: number
  cols: number
  /** The layout of the initializer: [cols, rows] (in-out), as MatMul needs it, or [rows, cols] (out-in). */
  stored: 'in-out' | 'out-in'
  /** Nodes between initializer and product, beginning at the initializer. */
  chain: number[]
  /** The factor of the product: Gemm's alpha, else 1. */
  alpha: number
}

/** The linear layer of a node; undefined if the node is none. */
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
    } else if (!passesMatrix(step)) return undefined
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
    alpha: (opType === 'Gemm' ? attribute(index.nodes[node], 'alpha')?.f : undefined) ?? 1,
  }
}

function swapsTwoAxes(node: NodeProto): boolean {
  const perm = attribute(node, 'perm')?.ints.map(Number)
  return perm === undefined || (perm.length === 2 && perm[0] === 1 && perm[1] === 0)
}

/** A layer's name for messages: the path of the node without the operator, else the initializer's name. */
export function layerName(index: GraphIndex, { node, weight }: Pick<Linear, 'node' | 'weight'>): string {
  const { name, opType } = index.nodes[node]
  const path = name.replace(/^\/+/, '').replace(new RegExp(`/(MatMul|Gemm|${opType})(_\\d+)?$`), '')
  return path.includes('/') || path.includes('.') ? path.replaceAll('/', '.') : weight.name
}
