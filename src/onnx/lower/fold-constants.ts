/**
 * Constant subgraphs that end in a weight matrix -> an initializer: Reshape, Concat, Mul, Transpose, Cast, Split and
 * the like of constants. The file's own graph is changed, so the matrix has one place where it is read, pruned and
 * written. The nodes that compute it run in ONNX Runtime whenever the matrix is read, so a model of such matrices is
 * not held in memory. Chains that layers are followed through (Transpose, Cast and Identity of an initializer) stay as
 * they are.
 */
import { clone, create } from '@bufbuild/protobuf'
import { tensorProto, valueInfo } from '../build.ts'
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../generated/onnx_pb.js'
import { attribute, freshName } from '../graph.ts'
import type { OnnxModel } from '../model.ts'
import { keepsNumbers, operatorOf, passesMatrix } from '../operators/table.ts'
import { byteLength, elementBytes, elementCount, isFloating, isMatrix, type TensorRef, tensorBytes } from '../tensor.ts'

/** A model that computes one value, and the tensors to feed, by the names of its inputs. */
export interface ConstantModel {
  proto: ModelProto
  fed: readonly TensorRef[]
}

/** Runs such models. */
export interface ConstantRuntime {
  /** Element type and sizes of the value; undefined: ONNX Runtime refuses the model, and will say so when it runs. */
  describe(model: ConstantModel): { dataType: number; dims: number[] } | undefined
  /** The value's bytes, little-endian and row-major. */
  compute(model: ConstantModel): Uint8Array
}

/** The number of inputs of a product, from the first on, that may be a matrix. */
const FACTORS = 2
/** Tensors of at most this many bytes are part of a constant model: shapes and axes, which decide sizes. */
const SMALL_BYTES = 1024

/** Changes `file`: its graphs and its initializers. */
export function foldConstants(file: OnnxModel, runtime: ConstantRuntime): void {
  const scopes = scopesOf(file)
  const folded = new Map<string, Fold>()
  for (const scope of scopes) {
    for (const value of scope.graph.node.flatMap((node) => factorsOf(scope, node))) {
      const home = scope.holderOf(value)
      if (home === undefined || folded.has(home.key(value)) || isFollowed(scope, value)) continue
      const chain = chainOf(home, value)
      const model = constantModel(file, chain, value)
      const known = runtime.describe(model)
      if (known === undefined || !isFloating(known.dataType) || !isMatrix(known.dims)) continue
      const length = elementCount(known.dims) * elementBytes(known.dataType, value)
      const data = { kind: 'computed', length, compute: () => runtime.compute(model) } as const
      folded.set(home.key(value), { scope: home, chain, tensor: { name: value, ...known, data } })
    }
  }
  if (folded.size === 0) return
  for (const fold of folded.values()) replace(fold)
  dropUnread(file, [...folded.values()])
}

interface Fold {
  scope: Scope
  chain: Chain
  tensor: TensorRef
}

/** The origin of a constant value: nodes in their order, and initializers. */
interface Chain {
  nodes: Set<NodeProto>
  tensors: Set<TensorRef>
}

/** A graph, and the values that it sees of the graphs around it. */
class Scope {
  readonly graph: GraphProto
  readonly tensors: Map<string, TensorRef>
  private readonly outer: Scope | undefined
  private readonly makers = new Map<string, NodeProto>()
  private readonly constants = new Map<string, boolean>()
  private readonly id: number

  constructor(graph: GraphProto, tensors: Map<string, TensorRef>, outer: Scope | undefined, id: number) {
    this.graph = graph
    this.tensors = tensors
    this.outer = outer
    this.id = id
    for (const node of graph.node) for (const output of node.output) if (output !== '') this.makers.set(output, node)
  }

  /** A key for a value of this graph, since two branches may use the same name. */
  key(value: string): string {
    return `${this.id}:${value}`
  }

  maker(value: string): NodeProto | undefined {
    return this.makers.get(value) ?? (this.tensors.has(value) ? undefined : this.outer?.maker(value))
  }

  tensor(value: string): TensorRef | undefined {
    return this.tensors.get(value) ?? (this.makers.has(value) ? undefined : this.outer?.tensor(value))
  }

  /** The graph in which a node makes a value that constants alone decide; undefined for any other value. */
  holderOf(value: string): Scope | undefined {
    if (!this.makers.has(value)) return this.tensors.has(value) ? undefined : this.outer?.holderOf(value)
    return this.isConstant(value) ? this : undefined
  }

  /**
   * Whether exact operators make a value from constants alone. Sums (products of matrices) are not folded: their bits
   * differ between machines, so two sites would have two base models.
   */
  private isConstant(value: string): boolean {
    const known = this.constants.get(value)
    if (known !== undefined) return known
    this.constants.set(value, false) // stops at a cycle, which is refused later
    const maker = this.makers.get(value)
    const constant =
      maker === undefined
        ? this.tensors.has(value) || (this.outer?.isConstant(value) ?? false)
        : operatorOf(maker)?.exact === true && maker.input.every((input) => input === '' || this.isConstant(input))
    this.constants.set(value, constant)
    return constant
  }
}

function scopesOf(file: OnnxModel): Scope[] {
  const scopes: Scope[] = []
  const visit = (graph: GraphProto, outer: Scope | undefined) => {
    const tensors = outer === undefined ? file.initializers : (file.subgraphs.get(graph) ?? new Map())
    const scope = new Scope(graph, tensors, outer, scopes.length)
    scopes.push(scope)
    for (const { attribute: attributes } of graph.node) for (const { g } of attributes) if (g) visit(g, scope)
  }
  visit(file.graph, undefined)
  return scopes
}

/** The values that may be the matrix of a product, or a table in which tokens are looked up. */
function factorsOf(scope: Scope, node: NodeProto): string[] {
  const { input } = node
  if (operatorOf(node)?.axes === 'gather') return isIds(scope, input[1]) ? [input[0]] : []
  return operatorOf(node)?.matrix === 'factor' ? input.slice(0, FACTORS).filter((value) => value !== '') : []
}

function isIds(scope: Scope, value: string): boolean {
  if (value === 'input_ids') return true
  const maker = scope.maker(value)
  return maker !== undefined && keepsNumbers(maker) && isIds(scope, maker.input[0])
}

/** Whether a matrix is reached from a value as it is, or turned. */
function isFollowed(scope: Scope, value: string): boolean {
  const maker = scope.maker(value)
  if (maker === undefined) {
    const tensor = scope.tensor(value)
    return tensor?.dims.length === 2 && isFloating(tensor.dataType)
  }
  if (!passesMatrix(maker)) return false
  const turn = attribute(maker, 'perm')?.ints.map(Number)
  return (turn === undefined || turn.join() === '1,0') && isFollowed(scope, maker.input[0])
}

function chainOf(scope: Scope, value: string): Chain {
  const chain: Chain = { nodes: new Set(), tensors: new Set() }
  const visited = new Set<string>()
  const visit = (name: string): void => {
    if (name === '' || visited.has(name)) return
    visited.add(name)
    const maker = scope.maker(name)
    const tensor = scope.tensor(name)
    if (maker !== undefined) {
      maker.input.forEach(visit)
      chain.nodes.add(maker)
    } else if (tensor !== undefined) chain.tensors.add(tensor)
  }
  visit(value)
  return chain
}

/** The model that computes a value. Its nodes are copies: those of the file change. */
function constantModel({ proto }: OnnxModel, { nodes, tensors }: Chain, value: string): ConstantModel {
  const isSmall = (tensor: TensorRef) => byteLength(tensor) <= SMALL_BYTES
  const fed = [...tensors].filter((tensor) => !isSmall(tensor))
  const small = [...tensors].filter(isSmall)
  const initializer = small.map((tensor) => tensorProto(tensor, tensorBytes(tensor)))
  const graph = {
    name: 'constants',
    node: [...nodes].map((node) => clone(NodeProtoSchema, node)),
    initializer,
    input: fed.map((tensor) => valueInfo(tensor.name, tensor)),
    output: [valueInfo(value)],
  }
  const { irVersion, opsetImport } = proto
  return { proto: create(ModelProtoSchema, { irVersion, opsetImport, graph }), fed }
}

/** Replaces a node by the matrix that it makes. Other outputs of the node stay. */
function replace({ scope, tensor }: Fold): void {
  const { graph, tensors } = scope
  const maker = scope.maker(tensor.name)
  if (maker === undefined) throw new Error(`nothing makes "${tensor.name}"`)
  const spare = freshName(graph, new Set(), `${tensor.name}/constant`)
  maker.output = maker.output.map((output) => (output === tensor.name ? spare : output))
  tensors.set(tensor.name, tensor)
}

/** Every name that a node or an output of any of the file's graphs reads. */
function reads({ graph, subgraphs }: OnnxModel): Set<string> {
  const graphs = [graph, ...subgraphs.keys()]
  return new Set(
    graphs.flatMap(({ node, output }) => [...node.flatMap(({ input }) => input), ...output.map(({ name }) => name)]),
  )
}

/** Removes the nodes and the initializers behind folded matrices that nobody else reads. */
function dropUnread(file: OnnxModel, folds: readonly Fold[]): void {
  const nodes = new Set(folds.flatMap(({ chain }) => [...chain.nodes]))
  const tensors = new Set(folds.flatMap(({ chain }) => [...chain.tensors]))
  for (let changed = true; changed; ) {
    changed = false
    const read = reads(file)
    for (const { graph, tensors: own } of scopesOf(file)) {
      const kept = graph.node.filter((node) => !nodes.has(node) || node.output.some((name) => read.has(name)))
      changed ||= kept.length < graph.node.length
      graph.node = kept
      for (const [name, tensor] of own) {
        if (!tensors.has(tensor) || read.has(name) || graph.input.some((input) => input.name === name)) continue
        own.delete(name)
        changed = true
      }
    }
  }
}
