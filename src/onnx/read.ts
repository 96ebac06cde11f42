/**
 * Reads an ONNX file without reading its weights: the protobuf is walked by range, the bytes of large initializers
 * are skipped and remembered by offset, everything else is parsed. Format: onnx.proto and protobuf's wire encoding.
 */

import { closeSync, openSync } from 'node:fs'
import { fromBinary } from '@bufbuild/protobuf'
import { InputError } from '../base/errors.ts'
import { danglingLink, statOf } from '../files/linked-file.ts'
import { externalPath } from './external-data.ts'
import { assertGraphFields, assertModelFields } from './fields.ts'
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from './generated/onnx_pb.js'
import type { OnnxModel } from './model.ts'
import { TensorReader } from './read-tensors.ts'
import { dataMissing, isMatrix, type TensorRef, truncated } from './tensor.ts'
import { assertWellFormed, malformedGraph } from './well-formed.ts'
import { fieldHead } from './wire.ts'
import { type Field, WIRE, WireFile } from './wire-file.ts'

/** Field numbers of onnx.proto that the walk looks for. */
const FIELD = {
  modelGraph: 7,
  graphNode: 1,
  graphInitializer: 5,
  graphSparseInitializer: 15,
  nodeOutput: 2,
  nodeOpType: 4,
  nodeAttribute: 5,
  attributeGraph: 6,
} as const

/**
 * @throws {InputError} MODEL_MISSING, MODEL_UNREADABLE, MODEL_FIELD, MODEL_FUNCTIONS, MODEL_GRAPH, MODEL_TENSOR_SIZE,
 * MODEL_DATA_PATH, MODEL_DATA_MISSING, MODEL_TRUNCATED, TENSOR_TYPE
 */
export function readOnnx(path: string): OnnxModel {
  return walked(path, (walk) => walk.model())
}

/**
 * The weight files that a graph names, relative to its own file, with the bytes that they have at least. None of them
 * needs to be there.
 * @throws {InputError} as readOnnx does, but for MODEL_DATA_MISSING and MODEL_TRUNCATED of such a file
 */
export function namedWeightFiles(path: string): ReadonlyMap<string, number> {
  return walked(path, (walk) => walk.graphAlone().externalEnds)
}

function walked<T>(path: string, use: (walk: Walk) => T): T {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    throw new InputError({
      code: 'MODEL_MISSING',
      what: `${path} cannot be read`,
      hint: 'Give --model a directory with config.json, tokenizer.json and model.onnx.',
      cause,
    })
  }
  try {
    return use(new Walk(new WireFile(fd, path)))
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError({
      code: 'MODEL_UNREADABLE',
      what: `${path} is not a readable ONNX file (${error instanceof Error ? error.message : error})`,
      hint: 'Export or copy the model again.',
      cause: error,
    })
  } finally {
    closeSync(fd)
  }
}

class Walk {
  private readonly file: WireFile
  private readonly tensors: TensorReader
  private readonly subgraphs = new Map<GraphProto, Map<string, TensorRef>>()

  constructor(file: WireFile) {
    this.file = file
    this.tensors = new TensorReader(file)
  }

  model(): OnnxModel {
    const { externalEnds, ...model } = this.graphAlone()
    for (const [name, end] of externalEnds) assertHolds(externalPath(model.path, name), end)
    return model
  }

  /** The model, without a look at its weight files. */
  graphAlone(): OnnxModel & { externalEnds: ReadonlyMap<string, number> } {
    const rest: Uint8Array[] = []
    let found: { graph: GraphProto; initializers: Map<string, TensorRef> } | undefined
    for (const field of this.file.fields(0, this.file.size)) {
      if (field.number !== FIELD.modelGraph) rest.push(this.file.read(field.start, field.end))
      else if (found === undefined) found = this.graph(field)
      else throw new Error('it holds two graphs')
    }
    if (found === undefined) throw new Error('it holds no graph')
    const proto = fromBinary(ModelProtoSchema, Buffer.concat(rest))
    const { path } = this.file
    const { externalFiles } = this.tensors
    assertModelFields(proto, path)
    const model = { path, proto, ...found, subgraphs: this.subgraphs, externalFiles: [...externalFiles.keys()] }
    assertWellFormed(model)
    return { ...model, externalEnds: externalFiles }
  }

  private graph({ payload, end }: Field): { graph: GraphProto; initializers: Map<string, TensorRef> } {
    const rest: Uint8Array[] = []
    const nodes: NodeProto[] = []
    const initializers = new Map<string, TensorRef>()
    for (const field of this.file.fields(payload, end)) {
      if (field.wire !== WIRE.bytes) rest.push(this.file.read(field.start, field.end))
      else if (field.number === FIELD.graphNode) {
        const weight = this.constantWeight(field)
        if (weight === undefined) nodes.push(this.node(field))
        else this.add(initializers, weight)
      } else if (field.number === FIELD.graphInitializer) this.add(initializers, this.tensors.initializer(field))
      else if (field.number === FIELD.graphSparseInitializer) this.add(initializers, this.tensors.sparse(field))
      else rest.push(this.file.read(field.start, field.end))
    }
    const graph = fromBinary(GraphProtoSchema, Buffer.concat(rest))
    graph.node = nodes
    assertGraphFields(graph, this.file.path)
    return { graph, initializers }
  }

  /** The weight that a Constant node holds, by reference like an initializer; undefined for any other node. */
  private constantWeight({ payload, end }: Field): TensorRef | undefined {
    const fields = [...this.file.fields(payload, end)]
    const text = (number: number) => {
      const field = fields.find((each) => each.number === number && each.wire === WIRE.bytes)
      return field && this.file.text(field)
    }
    if (text(FIELD.nodeOpType) !== 'Constant') return undefined
    const name = text(FIELD.nodeOutput) ?? ''
    for (const attribute of fields.filter((each) => each.number === FIELD.nodeAttribute && each.wire === WIRE.bytes)) {
      const tensor = this.tensors.constantTensor(attribute)
      if (tensor !== undefined && isWeight(tensor)) return { ...tensor, name }
    }
    return undefined
  }

  private add(initializers: Map<string, TensorRef>, tensor: TensorRef): void {
    if (tensor.name === '') throw malformedGraph(this.file.path, `an initializer [${tensor.dims}] has no name`)
    if (initializers.has(tensor.name))
      throw malformedGraph(this.file.path, `there are two initializers "${tensor.name}"`)
    initializers.set(tensor.name, tensor)
  }

  /** A node; graphs in its attributes are walked like the model's own. */
  private node({ payload, end }: Field): NodeProto {
    const rest: Uint8Array[] = []
    const graphs = new Map<number, GraphProto>()
    let attributes = 0
    for (const field of this.file.fields(payload, end)) {
      const parts =
        field.number === FIELD.nodeAttribute && field.wire === WIRE.bytes ? this.attribute(field) : undefined
      if (field.number === FIELD.nodeAttribute) attributes++
      if (parts === undefined) rest.push(this.file.read(field.start, field.end))
      else {
        const bytes = Buffer.concat(parts.rest)
        rest.push(fieldHead(FIELD.nodeAttribute, bytes.length), bytes)
        graphs.set(attributes - 1, parts.graph)
      }
    }
    const node = fromBinary(NodeProtoSchema, Buffer.concat(rest))
    for (const [at, graph] of graphs) node.attribute[at].g = graph
    return node
  }

  /** The graph of an attribute and the attribute's other fields, or undefined if it holds none. */
  private attribute({ payload, end }: Field): { graph: GraphProto; rest: Uint8Array[] } | undefined {
    const fields = [...this.file.fields(payload, end)]
    const [holder, second] = fields.filter(({ number, wire }) => number === FIELD.attributeGraph && wire === WIRE.bytes)
    if (holder === undefined) return undefined
    if (second) throw new Error(`an attribute with two graphs at byte ${second.start}`)
    const { graph, initializers } = this.graph(holder)
    this.subgraphs.set(graph, initializers)
    return {
      graph,
      rest: fields.filter((field) => field !== holder).map(({ start, end }) => this.file.read(start, end)),
    }
  }
}

/**
 * Whether a constant can be a weight: a vector or a matrix. Other constants of exporters, such as rotary frequencies,
 * are [1, n, 1] or a number.
 */
function isWeight({ dims }: TensorRef): boolean {
  return isMatrix(dims) || (dims.length === 1 && dims[0] > 1)
}

/** @throws {InputError} MODEL_DATA_MISSING, MODEL_FILE_UNREADABLE, MODEL_TRUNCATED: a weights file lacks these bytes */
function assertHolds(path: string, bytes: number): void {
  const found = statOf(path)
  if (!found?.isFile()) throw danglingLink(path) ?? dataMissing(path)
  if (found.size < bytes) throw truncated(path, found.size)
}
