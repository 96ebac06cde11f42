/** An index of a graph for all passes: the maker of a value, its readers, whether it is constant, and its content. */
import type { AttributeProto, GraphProto, NodeProto } from './generated/onnx_pb.js'
import { inlineTensor } from './inline-tensor.ts'
import type { OnnxModel } from './model.ts'
import type { TensorRef } from './tensor.ts'

export interface Use {
  /** Index of the reading node. */
  node: number
  /** The position among its inputs. */
  slot: number
}

/**
 * A graph with its indices. Nodes are in topological order, as ONNX demands; node indices are positions in it.
 * An index is a snapshot: after an edit of the graph, make a new one.
 */
export class GraphIndex {
  readonly nodes: NodeProto[]
  readonly initializers: ReadonlyMap<string, TensorRef>
  /** Names of the graph's inputs that are no initializers. */
  readonly inputs: ReadonlySet<string>
  private readonly makers = new Map<string, number>()
  private readonly readers = new Map<string, Use[]>()
  private readonly constantNodes: boolean[]

  constructor(model: Pick<OnnxModel, 'graph' | 'initializers'>) {
    this.nodes = model.graph.node
    this.initializers = model.initializers
    this.inputs = new Set(model.graph.input.map(({ name }) => name).filter((name) => !model.initializers.has(name)))
    for (const [index, node] of this.nodes.entries()) {
      for (const output of node.output) if (output !== '') this.makers.set(output, index)
      for (const [slot, input] of node.input.entries()) {
        if (input === '') continue
        const uses = this.readers.get(input)
        if (uses) uses.push({ node: index, slot })
        else this.readers.set(input, [{ node: index, slot }])
      }
    }
    this.constantNodes = new Array(this.nodes.length).fill(false)
    for (const [index, node] of this.nodes.entries()) {
      this.constantNodes[index] = node.input.every((input) => input === '' || this.isConstant(input))
    }
  }

  /** The node that makes a value; undefined for initializers and inputs. */
  maker(value: string): number | undefined {
    return this.makers.get(value)
  }

  uses(value: string): readonly Use[] {
    return this.readers.get(value) ?? []
  }

  /** Whether a node depends on initializers and constants alone. */
  isConstantNode(node: number): boolean {
    return this.constantNodes[node]
  }

  isConstant(value: string): boolean {
    const maker = this.maker(value)
    return maker === undefined ? this.initializers.has(value) : this.constantNodes[maker]
  }

  /** The tensor of an initializer or of a Constant node's output, if the value is one of these. */
  tensor(value: string): TensorRef | undefined {
    const initializer = this.initializers.get(value)
    if (initializer) return initializer
    const maker = this.maker(value)
    if (maker === undefined || this.nodes[maker].opType !== 'Constant') return undefined
    const content = attribute(this.nodes[maker], 'value')?.t
    return content ? { ...inlineTensor(content), name: value } : undefined
  }
}

export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((entry) => entry.name === name)
}

export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const found = attribute(node, name)
  return found ? Number(found.i) : fallback
}

/** A shallow copy of a message with some fields changed. Its prototype holds proto2's defaults. */
export function like<T extends object>(message: T, changes: Partial<T>): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message, changes)
}

/** The standard opset version a model is written in. */
export function opsetVersion(model: OnnxModel): number {
  const standard = model.proto.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')
  return Number(standard?.version ?? 0n)
}

/** A name that no value or node of the graph has yet. */
export function freshName(graph: GraphProto, taken: Set<string>, wanted: string): string {
  if (taken.size === 0) {
    for (const node of graph.node) {
      for (const output of node.output) taken.add(output)
      for (const input of node.input) taken.add(input)
    }
  }
  let name = wanted
  for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`
  taken.add(name)
  return name
}
