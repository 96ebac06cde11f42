/**
 * Finds linear layers by structure: a MatMul or Gemm whose second factor is a float matrix known beforehand, reached
 * through Transpose, Cast and Identity. Names are for people only; exporters lose or change them.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { attribute, type GraphIndex, intAttribute } from '../../onnx/graph.ts'
import { isFloating, type TensorRef } from '../../onnx/tensor.ts'

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
  /** By what the product is multiplied: Gemm's alpha, else 1. */
  alpha: number
}

/** What may stand between an initializer and the product that reads it. */
export const PASSING: ReadonlySet<string> = new Set(['Transpose', 'Cast', 'Identity'])

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
    } else if (!PASSING.has(step.opType)) return undefined
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

/** A name for people: the path of the node without the operator, else the initializer's name. */
export function layerName(index: GraphIndex, { node, weight }: Pick<Linear, 'node' | 'weight'>): string {
  const { name, opType } = index.nodes[node]
  const path = name.replace(/^\/+/, '').replace(new RegExp(`/(MatMul|Gemm|${opType})(_\\d+)?$`), '')
  return path.includes('/') || path.includes('.') ? path.replaceAll('/', '.') : weight.name
}
