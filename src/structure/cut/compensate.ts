/** Adds vectors to the outputs of layers of a graph: to the bias if there is one, else as a new bias. */

import { InputError } from '../../base/errors.ts'
import { narrow } from '../../form/fp16.ts'
import type { Shifts } from '../../model/forward/output-shift.ts'
import { makeNode } from '../../onnx/build.ts'
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { attribute, freshName, GraphIndex, intAttribute, like } from '../../onnx/graph.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { DATA_TYPE, readFloats, type TensorRef } from '../../onnx/tensor.ts'

/**
 * @param model - its graph, nodes and initializers are changed in place
 * @param shifts - by the output of a MatMul or Gemm of the graph
 * @throws {InputError} WEIGHTS_FP16_RANGE; SLICE_UNKNOWN: a graph with branches
 */
export function compensate(model: OnnxModel, shifts: Shifts): void {
  const { graph, initializers } = model
  if (model.subgraphs.size > 0) throw branched(model)
  const index = new GraphIndex({ graph: like(graph, { node: [...graph.node] }), initializers })
  const taken = new Set<string>()
  for (const [product, shift] of shifts) {
    const at = index.maker(product)
    if (at === undefined) throw new Error(`nothing makes "${product}"`)
    const node = index.nodes[at]
    const name = freshName(graph, taken, `${product}/bias`)
    const bias = biasOf(index, at, shift.length)
    if (bias === undefined) {
      initializers.set(name, vector(name, shift, productType(index, node)))
      addBias(model, node, name, freshName(graph, taken, `${product}/product`))
      continue
    }
    const { reader, slot, tensor } = bias
    const readers = graph.node.filter(({ input }) => input.includes(tensor.name))
    const own = readers.length === 1 ? tensor.name : name // exporters store equal tensors once
    const sum = floats(tensor).map((value, row) => value + shift[row])
    initializers.set(own, vector(own, sum, tensor.dataType))
    reader.input[slot] = own
  }
}

function branched({ path }: OnnxModel): InputError {
  return new InputError({
    code: 'SLICE_UNKNOWN',
    what: `${path} has an If, and a bias would have to be added in both branches`,
    hint: 'Take another --importance than flap, or export the model without branches.',
  })
}

interface Bias {
  /** The node that adds the bias, and the position of the input. */
  reader: NodeProto
  slot: number
  tensor: TensorRef
}

/**
 * The bias of a product, which is added before anything else reads it: the third input of a Gemm, or the other input of
 * an Add.
 */
function biasOf(index: GraphIndex, at: number, rows: number): Bias | undefined {
  const node = index.nodes[at]
  if (node.opType === 'Gemm' && node.input[2]) return isUnscaled(node) ? biasAt(index, node, 2, rows) : undefined
  const [reader, ...others] = index.uses(node.output[0])
  if (reader === undefined || others.length > 0 || index.nodes[reader.node].opType !== 'Add') return undefined
  return biasAt(index, index.nodes[reader.node], 1 - reader.slot, rows)
}

function isUnscaled(gemm: NodeProto): boolean {
  return ['alpha', 'beta'].every((name) => (attribute(gemm, name)?.f ?? 1) === 1)
}

function biasAt(index: GraphIndex, reader: NodeProto, slot: number, rows: number): Bias | undefined {
  const tensor = index.initializers.get(reader.input[slot])
  return tensor?.dims.length === 1 && tensor.dims[0] === rows ? { reader, slot, tensor } : undefined
}

/** Adds an initializer to a product: readers of the product read the sum, which takes over its name. */
function addBias({ graph }: OnnxModel, node: NodeProto, bias: string, product: string): void {
  const [sum] = node.output
  node.output = [product]
  graph.node.splice(graph.node.indexOf(node) + 1, 0, makeNode('Add', [product, bias], [sum], { name: bias }))
}

/** The element type in which a graph computes a product. The stored weights may have another one and be cast. */
function productType(index: GraphIndex, { input }: NodeProto): number {
  let value = input[1]
  for (let maker = index.maker(value); maker !== undefined; maker = index.maker(value)) {
    const step = index.nodes[maker]
    if (step.opType === 'Cast') return intAttribute(step, 'to', DATA_TYPE.float)
    value = step.input[0]
  }
  return index.initializers.get(value)?.dataType ?? DATA_TYPE.float
}

function floats(tensor: TensorRef): Float32Array {
  if (tensor.dataType !== DATA_TYPE.float16) return readFloats(tensor)
  return readFloats({ ...tensor, dataType: DATA_TYPE.float, data: { kind: 'widened', from: tensor } })
}

/** A tensor of these values in float32, or rounded to fp16. */
function vector(name: string, values: Float32Array, dataType: number): TensorRef {
  if (dataType !== DATA_TYPE.float16) return tensorOf(name, values, DATA_TYPE.float)
  const { bits, beyond } = narrow(values)
  if (beyond === -1) return tensorOf(name, bits, dataType)
  throw new InputError({
    code: 'WEIGHTS_FP16_RANGE',
    what: `"${name}": the bias ${values[beyond]} is beyond what the model's fp16 holds (65504)`,
    hint: 'Shrink the float32 export of this model, or use another --importance, which changes no bias.',
  })
}

function tensorOf(
  name: string,
  { buffer, byteOffset, byteLength, length }: Float32Array | Uint16Array,
  dataType: number,
): TensorRef {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  return { name, dims: [length], dataType, data: { kind: 'memory', bytes } }
}
