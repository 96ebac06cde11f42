/**
 * Fields of a file that onnx.proto here does not declare. A field that changes what is computed and is not read would
 * make results wrong in silence, so each field of ONNX's messages is read, known to be without effect, or refused by
 * name. Field numbers: the ONNX specification, onnx.proto of ONNX 1.20.
 */
import { InputError } from '../base/errors.ts'
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from './generated/onnx_pb.js'

/** Any parsed message, with the fields that onnx.proto does not declare. */
interface Parsed {
  $unknown?: readonly { no: number }[]
}

/** Notes for people and tools, which are written as they came. */
const WITHOUT_EFFECT = {
  ModelProto: { 4: 'domain', 5: 'model_version', 6: 'doc_string', 14: 'metadata_props', 26: 'configuration' },
  GraphProto: { 10: 'doc_string', 16: 'metadata_props' },
  NodeProto: { 6: 'doc_string', 9: 'metadata_props', 10: 'device_configurations' },
  AttributeProto: { 13: 'doc_string' },
  TensorProto: { 12: 'doc_string', 16: 'metadata_props' },
  ValueInfoProto: { 3: 'doc_string', 4: 'metadata_props' },
  TypeProto: { 6: 'denotation' },
  SparseTensorProto: {},
} as const

/** The names of all other fields, for the refusal. */
const NAMES: Record<keyof typeof WITHOUT_EFFECT, Record<number, string>> = {
  ModelProto: { 20: 'training_info' },
  GraphProto: {},
  NodeProto: { 8: 'overload' },
  AttributeProto: { 14: 'tp', 15: 'type_protos', 22: 'sparse_tensor', 23: 'sparse_tensors' },
  TensorProto: { 3: 'segment' },
  ValueInfoProto: {},
  TypeProto: { 4: 'sequence_type', 5: 'map_type', 7: 'opaque_type', 8: 'sparse_tensor_type', 9: 'optional_type' },
  SparseTensorProto: {},
}

/** @throws {InputError} MODEL_FIELD: the message has a field that is neither read nor without effect */
export function assertFieldsKnown(
  kind: keyof typeof WITHOUT_EFFECT,
  { $unknown = [] }: Parsed,
  path: string,
  whose: string,
): void {
  for (const { no } of $unknown)
    if (!(no in WITHOUT_EFFECT[kind])) throw unread(path, whose, NAMES[kind][no] ?? `number ${no}, of no known name,`)
}

/** Checks a model without its graphs. @throws {InputError} MODEL_FIELD, MODEL_FUNCTIONS */
export function assertModelFields(proto: ModelProto, path: string): void {
  assertFieldsKnown('ModelProto', proto, path, 'the model')
  if (proto.functions.length === 0) return
  const names = proto.functions.slice(0, 3).map(({ domain, name }) => `"${domain ? `${domain}:` : ''}${name}"`)
  throw new InputError({
    code: 'MODEL_FUNCTIONS',
    what: `${path} has ${proto.functions.length} functions of its own (${names.join(', ')}), which Coppice does not look into`,
    hint: 'Put their nodes into the graph: onnx.inliner.inline_local_functions of the Python package onnx does it.',
  })
}

/** Checks a graph, its nodes and values, but not the graphs inside its nodes. @throws {InputError} MODEL_FIELD */
export function assertGraphFields(graph: GraphProto, path: string): void {
  assertFieldsKnown('GraphProto', graph, path, `the graph "${graph.name}"`)
  const [annotation] = graph.quantizationAnnotation
  if (annotation) throw unread(path, `the tensor "${annotation.tensorName}"`, 'quantization_annotation')
  for (const info of [...graph.input, ...graph.output, ...graph.valueInfo]) assertValueFields(info, path)
  for (const [at, node] of graph.node.entries()) assertNodeFields(node, path, nodeName(node, at))
}

/** A node in words, so that a person finds it. */
export function nodeName({ name, opType }: NodeProto, at: number): string {
  return name === '' ? `number ${at} (${opType})` : `"${name}"`
}

function assertValueFields(info: ValueInfoProto, path: string): void {
  assertFieldsKnown('ValueInfoProto', info, path, `the value "${info.name}"`)
  if (info.type) assertFieldsKnown('TypeProto', info.type, path, `the type of the value "${info.name}"`)
}

function assertNodeFields(node: NodeProto, path: string, name: string): void {
  assertFieldsKnown('NodeProto', node, path, `the node ${name}`)
  const seen = new Set<string>()
  for (const attribute of node.attribute) {
    const whose = `the attribute "${attribute.name}" of the node ${name}`
    if (seen.has(attribute.name)) throw unread(path, `the node ${name}`, `second attribute "${attribute.name}"`)
    seen.add(attribute.name)
    assertAttributeFields(attribute, path, whose)
  }
}

function assertAttributeFields(attribute: AttributeProto, path: string, whose: string): void {
  assertFieldsKnown('AttributeProto', attribute, path, whose)
  const { t, tensors, graphs, refAttrName } = attribute
  if (tensors.length > 0) throw unread(path, whose, 'tensors')
  if (graphs.length > 0) throw unread(path, whose, 'graphs')
  if (refAttrName !== '') throw unread(path, whose, 'ref_attr_name')
  if (t === undefined) return
  assertTensorFields(t, path, `the tensor in ${whose}`)
  if (t.dataLocation !== INLINE) throw unread(path, `the tensor in ${whose}`, 'data_location')
}

/** TensorProto.DataLocation. */
const INLINE = 0
export const EXTERNAL = 1

/** @throws {InputError} MODEL_FIELD */
export function assertTensorFields(tensor: TensorProto, path: string, whose = `the tensor "${tensor.name}"`): void {
  assertFieldsKnown('TensorProto', tensor, path, whose)
  const { dataLocation } = tensor
  if (dataLocation !== INLINE && dataLocation !== EXTERNAL) throw unread(path, whose, `data_location ${dataLocation}`)
}

function unread(path: string, whose: string, field: string): InputError {
  return new InputError({
    code: 'MODEL_FIELD',
    what: `${path}: ${whose} has the field ${field} of ONNX's format, which Coppice does not read`,
    hint: 'Export the model again, in float32 with plain ONNX operators, for example with Optimum (--task text-generation).',
  })
}
