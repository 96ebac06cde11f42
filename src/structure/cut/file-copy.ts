/**
 * An editable copy of a model file: its graphs, those inside of nodes too, and its initializers. The file stays as it
 * is.
 */
import type { GraphProto, NodeProto, ValueInfoProto } from '../../onnx/generated/onnx_pb.js'
import { freshName, like } from '../../onnx/graph.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import type { TensorRef } from '../../onnx/tensor.ts'

export class FileCopy {
  readonly model: OnnxModel
  private readonly file: OnnxModel
  /** Copies of nodes and of graphs, by the original in the file. */
  private readonly nodes = new Map<NodeProto, NodeProto>()
  private readonly graphs = new Map<GraphProto, GraphProto>()
  /** The graph of each copied node. */
  private readonly holders = new Map<NodeProto, GraphProto>()
  private readonly taken = new Set<string>()

  constructor(file: OnnxModel) {
    this.file = file
    const subgraphs: OnnxModel['subgraphs'] = new Map()
    const graph = this.copyGraph(file.graph)
    this.model = { ...file, graph, initializers: new Map(file.initializers), subgraphs }
    for (const [original, tensors] of file.subgraphs) {
      const copy = this.graphs.get(original)
      if (copy === undefined) throw new Error('a graph that belongs to no node')
      copy.output = copy.output.map(withoutShape)
      subgraphs.set(copy, new Map(tensors))
    }
    for (const { node } of this.graphs.values())
      for (const { input, output } of node) for (const name of [...input, ...output]) this.taken.add(name)
  }

  /** The copy of a node of the file. */
  nodeOf(original: NodeProto | undefined): NodeProto | undefined {
    return original && this.nodes.get(original)
  }

  /** Replaces one of the file's tensors by another. */
  replace(stored: TensorRef, other: TensorRef): void {
    const holder = [...this.file.subgraphs].find(([, tensors]) => tensors.get(stored.name) === stored)
    this.tensorsOf(holder && this.graphs.get(holder[0])).set(stored.name, other)
  }

  /** Adds a tensor that every graph sees. Its name is `wanted`, if nothing has that yet. */
  add(wanted: string, tensor: Omit<TensorRef, 'name'>): string {
    const name = this.fresh(wanted)
    this.model.initializers.set(name, { ...tensor, name })
    return name
  }

  fresh(wanted: string): string {
    return freshName(this.model.graph, this.taken, wanted)
  }

  /** The initializer that a copied node reads under a name; undefined: the name is no initializer. */
  initializer(copy: NodeProto, name: string): TensorRef | undefined {
    return this.tensorsOf(this.holders.get(copy)).get(name) ?? this.model.initializers.get(name)
  }

  insertBefore(copy: NodeProto, node: NodeProto): void {
    const nodes = this.holders.get(copy)?.node ?? []
    nodes.splice(nodes.indexOf(copy), 0, node)
  }

  private tensorsOf(graph: GraphProto | undefined): Map<string, TensorRef> {
    return (graph && this.model.subgraphs.get(graph)) ?? this.model.initializers
  }

  /** Shapes of values inside are hints that an exporter left, and would be wrong. */
  private copyGraph(graph: GraphProto): GraphProto {
    const node = graph.node.map((each) => {
      const attribute = each.attribute.map((entry) => (entry.g ? like(entry, { g: this.copyGraph(entry.g) }) : entry))
      const copy = like(each, { input: [...each.input], attribute })
      this.nodes.set(each, copy)
      return copy
    })
    const copy = like(graph, { node, input: [...graph.input], output: [...graph.output], valueInfo: [] })
    for (const each of node) this.holders.set(each, copy)
    this.graphs.set(graph, copy)
    return copy
  }
}

function withoutShape(info: ValueInfoProto): ValueInfoProto {
  const tensorType = info.type?.tensorType
  if (info.type === undefined || !tensorType) return info
  return like(info, { type: like(info.type, { tensorType: like(tensorType, { shape: undefined }) }) })
}
