/**
 * The names of PyTorch's parameters, where an exporter left them. A parameter that is used as it is keeps its own name.
 * A matrix that was transposed has lost it, but the nodes are named by the modules that made them:
 * /model/layers.0/mlp/up_proj/MatMul.
 */
import type { GraphIndex } from '../../onnx/graph.ts'
import type { TensorRef } from '../../onnx/tensor.ts'

/**
 * Whether a tensor has a name as PyTorch gives it to parameters. ONNX Runtime GenAI puts the operator before the last
 * word.
 */
export function isParameterName(name: string): boolean {
  return /^[A-Za-z_]\w*(\.\w+)*\.(weight|bias)$/.test(name) && !/\.(Add|Gemm|MatMul)\.\w+$/.test(name)
}

/** Whether a graph's tensors have names as ONNX Runtime GenAI gives them. Modules have other names there. */
export function isGenaiName(name: string): boolean {
  return /\.(Add|Gemm|MatMul)\.(weight|bias)$/.test(name)
}

/** The module of a node, taken from its name: model.layers.0.mlp.up_proj. Undefined if the name is no path. */
export function moduleOf(nodeName: string): string | undefined {
  if (!nodeName.startsWith('/')) return undefined
  return nodeName
    .replace(/^\/+/, '')
    .replace(/\/[A-Z]\w*$/, '')
    .replaceAll('/', '.')
}

/** The nodes that compute with a tensor, whether it is used as it is, transposed or cast. */
export function nodesReading(index: GraphIndex, value: string): number[] {
  return index
    .uses(value)
    .flatMap(({ node }) =>
      index.isConstantNode(node) ? index.nodes[node].output.flatMap((output) => nodesReading(index, output)) : node,
    )
}

/** The names that a tensor may have in PyTorch, from its own name and from those of the nodes that read it. */
export function possibleNames(index: GraphIndex, { name, dims }: TensorRef, nodes: readonly number[]): string[] {
  const own = isParameterName(name) ? [name] : []
  const kind = dims.length === 1 ? 'bias' : 'weight'
  const readers = nodesReading(index, name).filter((node) => nodes.includes(node))
  return [...own, ...readers.flatMap((node) => moduleOf(index.nodes[node].name) ?? []).map((name) => `${name}.${kind}`)]
}
