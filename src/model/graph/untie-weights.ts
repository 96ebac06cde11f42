/**
 * Gives each layer its own tensor of the file. Exporters store equal tensors once, and merged decoders hold every layer
 * twice, in the branch that begins a text and in the one that continues it. Pruning a layer must change it in both
 * branches, and must not change another layer or an embedding.
 */
import { clone } from '@bufbuild/protobuf'
import { InputError } from '../../base/errors.ts'
import { type GraphProto, type NodeProto, NodeProtoSchema } from '../../onnx/generated/onnx_pb.js'
import { freshName, GraphIndex } from '../../onnx/graph.ts'
import type { Lowered } from '../../onnx/lower/lowered.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { passesMatrix } from '../../onnx/operators/table.ts'
import { byteLength, type TensorRef, tensorBytes } from '../../onnx/tensor.ts'
import { type Linear, linearAt } from './layers.ts'

/**
 * Gives every one of these layers an initializer (and a Transpose or Cast, if one stands before it) of its own, in the
 * file's graph. Returns whether anything was changed: then `lowered` is out of date.
 * @throws {InputError} MODEL_BRANCHES
 */
export function tellApart(file: OnnxModel, lowered: Lowered, layers: readonly Linear[]): boolean {
  const index = new GraphIndex(lowered.model)
  const shared = layers.filter((linear) => isShared(index, linear))
  const readers = new Map(shared.map((linear) => [linear, fileReaders(file, lowered, index, linear)]))
  const taken = new Set<string>()
  for (const [linear, nodes] of readers) {
    const tensor = storedTensor(lowered, linear)
    const name = freshName(lowered.model.graph, taken, `${tensor.name}_${linear.node}`)
    file.initializers.set(name, { ...tensor, name })
    for (const { graph, node } of nodes) readAnother(file, graph, node, name)
  }
  return shared.length > 0
}

/** The tensor of the file that holds a layer's weights. */
function storedTensor({ stored }: Lowered, { weight }: Linear): TensorRef {
  const tensor = stored.get(weight.name)
  if (tensor === undefined) throw new Error(`"${weight.name}" is no tensor of the file`)
  return tensor
}

/** Whether another node reads a layer's tensor, and the layer is not the one that keeps it. */
function isShared(index: GraphIndex, { weight, chain, node }: Linear): boolean {
  const values = [weight.name, ...chain.map((step) => index.nodes[step].output[0])]
  return values.some((value) => index.uses(value).length > 1) && !isFirstReader(index, weight.name, node)
}

/**
 * Whether a layer may keep a shared tensor: it is the first to read it, and all other readers are layers, which get
 * copies.
 */
function isFirstReader(index: GraphIndex, weight: string, node: number): boolean {
  const readers = new Set<number>()
  const visit = (value: string) => {
    for (const { node: reader } of index.uses(value)) {
      const step = index.nodes[reader]
      if (passesMatrix(step)) visit(step.output[0])
      else readers.add(linearAt(index, reader)?.weight.name === weight ? reader : -1)
    }
  }
  visit(weight)
  return Math.min(...readers) === node
}

interface Place {
  graph: GraphProto
  node: NodeProto
}

/**
 * The layer's product in the file, in the branch that is computed, and its counterpart in the other branch.
 * @throws {InputError} MODEL_BRANCHES
 */
function fileReaders(file: OnnxModel, { origin, stored }: Lowered, index: GraphIndex, linear: Linear): Place[] {
  const node = origin.get(index.nodes[linear.node])
  const graph = [file.graph, ...file.subgraphs.keys()].find((each) => node && each.node.includes(node))
  if (node === undefined || graph === undefined) throw new Error(`layer ${linear.weight.name} is not in the file`)
  const name = stored.get(linear.weight.name)?.name ?? ''
  const own = productsOf(file, graph).get(name) ?? []
  const others = siblings(file, graph).map((sibling): Place => {
    const theirs = productsOf(file, sibling).get(name) ?? []
    if (theirs.length !== own.length) throw unlike(file, linear)
    return { graph: sibling, node: theirs[own.indexOf(node)] }
  })
  return [{ graph, node }, ...others]
}

function unlike({ path }: OnnxModel, { weight }: Linear): InputError {
  return new InputError({
    code: 'MODEL_BRANCHES',
    what: `the two branches of ${path} use "${weight.name}" differently, so pruning would make them differ`,
    hint: 'Export the model without branches, for example with a current Optimum (--task text-generation-with-past).',
  })
}

/** The other branches of the If to which a branch belongs. */
function siblings(file: OnnxModel, graph: GraphProto): GraphProto[] {
  for (const { node: nodes } of [file.graph, ...file.subgraphs.keys()]) {
    for (const { attribute } of nodes) {
      const branches = attribute.flatMap(({ g }) => g ?? [])
      if (branches.includes(graph)) return branches.filter((branch) => branch !== graph)
    }
  }
  return []
}

/** The products of a graph by the tensor that they read, in order. */
function productsOf(file: OnnxModel, graph: GraphProto): Map<string, NodeProto[]> {
  const makers = makersOf(file, graph)
  const products = new Map<string, NodeProto[]>()
  for (const node of graph.node) {
    if (node.opType !== 'MatMul' && node.opType !== 'Gemm') continue
    const { root } = chainOf(makers, node.input[1])
    products.set(root, [...(products.get(root) ?? []), node])
  }
  return products
}

/** The makers of the values that a graph reads: a branch may use values from outside. */
function makersOf(file: OnnxModel, graph: GraphProto): Map<string, NodeProto> {
  const nodes = [file.graph, graph].flatMap(({ node }) => node)
  return new Map(nodes.flatMap((node) => node.output.map((output) => [output, node] as const)))
}

/** The steps from a product's factor back through Transpose, Cast and Identity, and the value where they begin. */
function chainOf(makers: ReadonlyMap<string, NodeProto>, value: string): { root: string; steps: NodeProto[] } {
  const steps: NodeProto[] = []
  let root = value
  for (let maker = makers.get(root); maker && passesMatrix(maker); maker = makers.get(root)) {
    steps.unshift(maker)
    root = maker.input[0]
  }
  return { root, steps }
}

/** Makes a product read another initializer, through copies of the steps before it. */
function readAnother(file: OnnxModel, graph: GraphProto, node: NodeProto, name: string): void {
  let value = name
  const copies = chainOf(makersOf(file, graph), node.input[1]).steps.map((step, k) => {
    const copy = clone(NodeProtoSchema, step)
    copy.name = `${name}/step_${k}`
    copy.input[0] = value
    value = `${name}/value_${k}`
    copy.output = [value]
    return copy
  })
  node.input[1] = value
  graph.node.splice(graph.node.indexOf(node), 0, ...copies)
}

/**
 * The tensors of the file that hold each layer's weights: one, and a second in the branch that is not computed if both
 * branches have their own.
 * @throws {InputError} MODEL_BRANCHES: a branch has weights that are not a copy of the other's
 */
export function storedCopies(
  file: OnnxModel,
  lowered: Lowered,
  index: GraphIndex,
  layers: readonly Linear[],
): Map<Linear, TensorRef[]> {
  const graphs = [...file.subgraphs.keys()]
  const products = new Map(graphs.map((graph) => [graph, productsOf(file, graph)]))
  const graphOf = new Map(graphs.flatMap((graph) => graph.node.map((node) => [node, graph] as const)))
  const copiesOf = (linear: Linear): TensorRef[] => {
    const tensor = storedTensor(lowered, linear)
    const node = lowered.origin.get(index.nodes[linear.node])
    const graph = node && graphOf.get(node)
    if (graph === undefined) return []
    const isOwn = file.subgraphs.get(graph)?.get(tensor.name) === tensor
    return siblings(file, graph).flatMap((sibling) => {
      if (!isOwn && products.get(sibling)?.has(tensor.name)) return []
      const theirs = [...(file.subgraphs.get(sibling)?.values() ?? [])]
      const named = theirs.filter(({ name }) => name === tensor.name)
      const copy = [...named, ...theirs].find((other) => equal(tensor, other))
      if (copy === undefined) throw unlike(file, linear)
      return copy
    })
  }
  return new Map(layers.map((linear) => [linear, [storedTensor(lowered, linear), ...copiesOf(linear)]]))
}

function equal(a: TensorRef, b: TensorRef): boolean {
  if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join() || byteLength(a) !== byteLength(b)) return false
  return Buffer.compare(tensorBytes(a), tensorBytes(b)) === 0
}
