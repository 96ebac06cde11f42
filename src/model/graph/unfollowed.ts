/**
 * Matrices that a block's hidden state meets and that are not layers. They are not pruned, so they are listed by name
 * with the reason. A node that reads a known matrix in a block is either a layer, or listed here, or one of the few
 * uses that are no product.
 */

import { attribute, type GraphIndex, intAttribute } from '../../onnx/graph.ts'
import { operatorName } from '../../onnx/operators/name.ts'
import { operatorOf, placesOf } from '../../onnx/operators/table.ts'
import { DATA_TYPE, elementCount, isFloating, isMatrix, readFloats, type TensorRef } from '../../onnx/tensor.ts'
import { layerName, linearAt } from './layers.ts'

export interface Unfollowed {
  /** Index of the node in which the matrix meets the hidden state. */
  node: number
  /** The initializers that are the matrix, or from which it is made. */
  weights: TensorRef[]
  /** The reason why it is not a layer: its role in the graph, as a noun phrase. */
  reason: string
}

/**
 * The matrix that a node of a block reads and that is not a layer's; undefined if there is none.
 * @param hidden - values that descend from the token embedding
 */
export function unfollowedAt(index: GraphIndex, hidden: ReadonlySet<string>, node: number): Unfollowed | undefined {
  const { input } = index.nodes[node]
  if (linearAt(index, node)) return undefined
  for (const slot of slotsOf(index, node)) {
    const value = input[slot] ?? ''
    if (value === '' || hidden.has(value)) continue
    const isFactor = operatorOf(index.nodes[node])?.matrix === 'factor'
    if (!index.isConstant(value) && !isFactor) continue
    const weights = matricesBehind(index, hidden, value, isFactor)
    if (weights.length > 0) return { node, weights, reason: reasonOf(index, node, slot, weights[0]) }
  }
  return undefined
}

/** The inputs of a node that would be the matrix of a product. */
function slotsOf(index: GraphIndex, at: number): number[] {
  const node = index.nodes[at]
  const { matrix, matrices } = operatorOf(node) ?? {}
  if (matrices !== undefined) return placesOf(node, matrices)
  if (matrix === 'table') return isTableOfVectors(index, node.input[0]) ? [] : [0]
  if (matrix === 'scale' && node.input.some((value) => isTableOrMask(index, value))) return []
  return [...node.input.keys()]
}

/** Whether a value is a table whose rows are looked up, such as an embedding of positions. */
function isTableOfVectors(index: GraphIndex, value: string): boolean {
  return (index.initializers.get(value)?.dims.filter((size) => size > 1).length ?? 0) <= 2
}

/**
 * Whether a value is a rotary table or a mask. In rotary tables the cosines of position 0 are all 1 and the sines all
 * 0; masks have only 1 and 0.
 */
function isTableOrMask(index: GraphIndex, value: string): boolean {
  const tensor = index.initializers.get(value)
  if (tensor === undefined || !isMatrix(tensor.dims) || tensor.dataType !== DATA_TYPE.float) return false
  const values = readFloats(tensor)
  const first = values.subarray(0, tensor.dims[tensor.dims.length - 1])
  const isTable = first.every((x) => x === first[0]) && (first[0] === 0 || first[0] === 1)
  return isTable || values.every((x) => x === 0 || x === 1)
}

/**
 * The matrices among the initializers from which a value is made, without the hidden state.
 * @param product - whether the value is a product's factor: then matrices of one row or column, and of integers, count
 * too
 */
function matricesBehind(index: GraphIndex, hidden: ReadonlySet<string>, value: string, product: boolean): TensorRef[] {
  const counts = ({ dims, dataType }: TensorRef) =>
    product ? dims.length > 1 && elementCount(dims) > 1 : isMatrix(dims) && isFloating(dataType)
  const found = new Set<TensorRef>()
  const visited = new Set<string>()
  const open = [value]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === '' || visited.has(name) || hidden.has(name)) continue
    visited.add(name)
    const tensor = index.initializers.get(name)
    if (tensor && counts(tensor)) found.add(tensor)
    const maker = index.maker(name)
    if (maker !== undefined) open.push(...index.nodes[maker].input)
  }
  return [...found]
}

function reasonOf(index: GraphIndex, at: number, slot: number, weight: TensorRef): string {
  const node = index.nodes[at]
  const name = operatorName(node)
  const value = node.input[slot]
  const matrix = operatorOf(node)?.matrix
  if (matrix === 'table') return `a stack of matrices [${weight.dims.join(', ')}] from which a ${name} picks some`
  if (name === 'Gemm' && intAttribute(node, 'transA', 0) === 1)
    return 'a factor of a Gemm that reads the other one transposed'
  if (name === 'Einsum')
    return `a factor of an Einsum (${Buffer.from(attribute(node, 'equation')?.s ?? []).toString()})`
  if (matrix === 'scale') return `a factor of a ${name}, element by element`
  if (matrix !== 'factor') return `an input of ${name}`
  if (slot === 0) return `the first factor of a ${name}`
  const odd = oddMaker(index, value)
  if (odd !== undefined) return odd
  return `a factor with ${weight.dims.length} dimensions [${weight.dims.join(', ')}]`
}

/**
 * The operator between a factor and its initializers that is not computed beforehand, in words; undefined if there is
 * none.
 */
function oddMaker(index: GraphIndex, value: string): string | undefined {
  const open = [value]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = index.maker(name)
    if (maker === undefined) continue
    const node = index.nodes[maker]
    if (!index.isConstantNode(maker)) return `computed from the text at every run, by ${operatorName(node)}`
    if (!operatorOf(node)?.exact) return `computed from other constants, by ${operatorName(node)}`
    open.push(...node.input)
  }
  return undefined
}

/** A matrix of a block that is not a layer and is not pruned. */
export interface UnprunedMatrix {
  name: string
  block: number
  /** Number of its weights. */
  weights: number
  /** The reason: its role in place of a layer's weights, as a noun phrase. */
  reason: string
}

/** The matrices of all blocks that are not layers, each once, with the initializers from which they are made. */
export function unprunedMatrices(
  index: GraphIndex,
  blocks: readonly { unfollowed: readonly Unfollowed[] }[],
): (UnprunedMatrix & { tensors: TensorRef[] })[] {
  const listed = new Set<TensorRef>()
  return blocks.flatMap(({ unfollowed }, block) =>
    unfollowed.flatMap(({ node, weights: all, reason }) => {
      const tensors = all.filter((tensor) => !listed.has(tensor))
      if (tensors.length === 0) return []
      for (const tensor of tensors) listed.add(tensor)
      const weights = tensors.reduce((sum, { dims }) => sum + elementCount(dims), 0)
      return { name: layerName(index, { node, weight: tensors[0] }), block, weights, reason, tensors }
    }),
  )
}
