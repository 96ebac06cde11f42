/**
 * Ways in which an exporter lets a weight matrix reach its product, other than as an initializer that a MatMul reads.
 */

import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { type Attributes, attributesOf, makeNode, tensorProto } from '../../../src/onnx/build.ts'
import {
  type AttributeProto,
  type NodeProto,
  StringStringEntryProtoSchema,
} from '../../../src/onnx/generated/onnx_pb.js'
import type { OnnxModel } from '../../../src/onnx/model.ts'
import { readOnnx } from '../../../src/onnx/read.ts'
import { DATA_TYPE, readFloats, type TensorRef, tensorBytes, transpose } from '../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../src/onnx/write.ts'
import { fixturePath } from '../shared.ts'

const BASE = fixturePath('stories260k')

/** A product of a graph, and the matrix [cols, rows] that it reads: x [..., cols] W. */
export class HiddenMatrix {
  readonly model: OnnxModel
  readonly product: NodeProto
  readonly weight: TensorRef
  readonly values: Float32Array<ArrayBuffer>
  readonly cols: number
  readonly rows: number

  constructor(model: OnnxModel, path: string) {
    this.model = model
    const product = model.graph.node.find(({ name }) => name === `/model/${path}/MatMul`)
    const weight = model.initializers.get(product?.input[1] ?? '')
    if (product === undefined || weight === undefined) throw new Error(`no ${path}`)
    this.product = product
    this.weight = weight
    this.values = readFloats(weight)
    const [cols, rows] = weight.dims
    this.cols = cols
    this.rows = rows
    model.initializers.delete(weight.name)
  }

  name(what: string): string {
    return `${this.weight.name}/${what}`
  }

  floats(what: string, values: ArrayLike<number>, dims: number[]): string {
    return this.initializer(what, DATA_TYPE.float, dims, Float32Array.from(values))
  }

  whole(what: string, values: Int32Array<ArrayBuffer>, dims: number[]): string {
    return this.initializer(what, DATA_TYPE.int32, dims, values)
  }

  integers(what: string, values: number[]): string {
    return this.initializer(what, DATA_TYPE.int64, [values.length], BigInt64Array.from(values, BigInt))
  }

  private initializer(what: string, dataType: number, dims: number[], array: ArrayBufferView<ArrayBuffer>): string {
    const name = this.name(what)
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    this.model.initializers.set(name, { name, dims, dataType, data: { kind: 'memory', bytes } })
    return name
  }

  /** A Constant node. */
  constant(what: string, attribute: AttributeProto[]): string {
    this.model.graph.node.unshift(makeNode('Constant', [], [this.name(what)], { name: what, attribute }))
    return this.name(what)
  }

  /** A node in front of the product. */
  op(opType: string, what: string, input: string[], attributes: Attributes = {}, outputs = 1): string {
    const output = Array.from({ length: outputs }, (_, k) => (k === 0 ? this.name(what) : `${this.name(what)}/${k}`))
    const { node } = this.model.graph
    const fields = { name: this.name(what), attribute: attributesOf(attributes) }
    node.splice(node.indexOf(this.product), 0, makeNode(opType, input, output, fields))
    return output[0]
  }

  /** The product reads this value in the place of its matrix. */
  reads(value: string): void {
    this.product.input[1] = value
  }

  /** Something else stands for the product. */
  becomes(opType: string, input: string[], attributes: Attributes = {}): void {
    Object.assign(this.product, { opType, input, attribute: attributesOf(attributes) })
  }
}

export function tensorValue(dataType: number, dims: number[], content: ArrayBufferView<ArrayBuffer>): AttributeProto[] {
  return attributesOf({ value: { tensor: tensorProto({ dataType, dims }, content) } })
}

export type Way = (matrix: HiddenMatrix) => void

/** The matrix is known beforehand: a layer. */
export const FOLLOWED: Record<string, Way> = {
  'a Constant node': (m) => {
    m.reads(m.constant('c', tensorValue(DATA_TYPE.float, [m.cols, m.rows], m.values)))
  },
  'Identity of a Constant node': (m) => {
    m.reads(m.op('Identity', 'i', [m.constant('c', tensorValue(DATA_TYPE.float, [m.cols, m.rows], m.values))]))
  },
  'Cast of a Constant node in fp16': (m) => {
    const half = Float16Array.from(m.values)
    m.reads(m.op('Cast', 'w', [m.constant('c', tensorValue(DATA_TYPE.float16, [m.cols, m.rows], half))], { to: 1 }))
  },
  'value_floats and a Reshape whose shape is a Concat': (m) => {
    const sizes = [m.cols, m.rows].map((size, k) => m.constant(`s${k}`, attributesOf({ value_ints: [size] })))
    const shape = m.op('Concat', 's', sizes, { axis: 0 })
    m.reads(m.op('Reshape', 'r', [m.constant('c', attributesOf({ value_floats: { floats: m.values } })), shape]))
  },
  'Mul of its half': (m) => {
    m.reads(
      m.op('Mul', 'm', [
        m.floats(
          'h',
          m.values.map((w) => w / 2),
          [m.cols, m.rows],
        ),
        m.floats('two', [2], []),
      ]),
    )
  },
  'Concat of two halves': (m) => {
    const at = (m.cols / 2) * m.rows
    const halves = [m.values.subarray(0, at), m.values.subarray(at)].map((half, k) =>
      m.floats(`h${k}`, half, [m.cols / 2, m.rows]),
    )
    m.reads(m.op('Concat', 'c', halves, { axis: 0 }))
  },
  'one of three outputs of a Split': (m) => {
    const packed = m.floats(
      'p',
      [...m.values, ...m.values.map(() => 1), ...m.values.map(() => 2)],
      [3 * m.cols, m.rows],
    )
    m.reads(m.op('Split', 's', [packed], { axis: 0, num_outputs: 3 }, 3))
  },
  'Slice, Squeeze and Transpose of a stack': (m) => {
    const turned = transpose(m.values, m.cols, m.rows)
    const stack = m.floats('p', [...turned, ...turned.map(() => 1)], [2, m.rows, m.cols])
    const one = m.op('Slice', 's', [
      stack,
      ...['from', 'to', 'axis'].map((what, k) => m.integers(what, [k === 1 ? 1 : 0])),
    ])
    m.reads(m.op('Transpose', 't', [m.op('Squeeze', 'q', [one, m.integers('ax', [0])])], { perm: [1, 0] }))
  },
  'Cast of whole numbers, times a scale': (m) => {
    const scale = Math.max(...m.values.map(Math.abs)) / 127
    const whole = Int32Array.from(m.values, (w) => Math.round(w / scale))
    const cast = m.op('Cast', 'f', [m.whole('w', whole, m.weight.dims)], { to: 1 })
    m.reads(m.op('Mul', 's', [cast, m.floats('scale', [scale], [])]))
  },
  'Where of itself and zeros': (m) => {
    const kept = m.op('Not', 'n', [
      m.op('Equal', 'e', [m.floats('w', m.values, [m.cols, m.rows]), m.floats('z', [0], [])]),
    ])
    m.reads(m.op('Where', 'x', [kept, m.name('w'), m.name('z')]))
  },
}

/** The product of a Gemm is multiplied by `alpha`; x is flattened for it. */
export const scaledGemm: Way = (m) => {
  const flat = m.op('Reshape', 'flat', [m.product.input[0], m.integers('two', [-1, m.cols])])
  const half = m.floats(
    'w',
    m.values.map((w) => w / 2),
    m.weight.dims,
  )
  const y = m.op('Gemm', 'y', [flat, half], { alpha: { float: 2 } })
  const lead = m.op('Slice', 'l', [
    m.op('Shape', 's', [m.product.input[0]]),
    m.integers('from', [0]),
    m.integers('to', [2]),
  ])
  m.becomes('Reshape', [y, m.op('Concat', 'c', [lead, m.integers('rows', [m.rows])], { axis: 0 })])
}

/** The product is none that layers are found by: named, with this reason. */
export const NAMED: Record<string, { way: Way; reason: RegExp; weights?: number }> = {
  'the first factor': {
    way: (m) => {
      const w = m.floats('w', transpose(m.values, m.cols, m.rows), [m.rows, m.cols])
      const x = m.op('Transpose', 'x', [m.product.input[0]], { perm: [0, 2, 1] })
      const y = m.op('MatMul', 'y', [w, x])
      m.becomes('Transpose', [y], { perm: [0, 2, 1] })
    },
    reason: /^the first factor of a MatMul$/,
  },
  Einsum: {
    way: (m) => {
      m.becomes('Einsum', [m.product.input[0], m.floats('w', m.values, m.weight.dims)], { equation: 'bsi,io->bso' })
    },
    reason: /Einsum \(bsi,io->bso\)/,
  },
  'three dimensions, by Unsqueeze': {
    way: (m) => m.reads(m.op('Unsqueeze', 'u', [m.floats('w', m.values, m.weight.dims), m.integers('ax', [0])])),
    reason: /3 dimensions \[1, /,
  },
  'Gemm with transA': {
    way: (m) => {
      const flat = m.op('Reshape', 'f', [m.product.input[0], m.integers('flat', [-1, m.cols])])
      const y = m.op('Gemm', 'y', [m.op('Transpose', 't', [flat]), m.floats('w', m.values, m.weight.dims)], {
        transA: 1,
      })
      const shape = m.op('Shape', 's', [m.product.input[0]])
      const lead = m.op('Slice', 'l', [shape, m.integers('from', [0]), m.integers('to', [2])])
      m.becomes('Reshape', [y, m.op('Concat', 'c', [lead, m.integers('rows', [m.rows])], { axis: 0 })])
    },
    reason: /Gemm that reads the other one transposed/,
  },
  'a product of two constants': {
    way: (m) => {
      const eye = Float32Array.from({ length: m.cols * m.cols }, (_, i) => Number(i % (m.cols + 1) === 0))
      m.reads(m.op('MatMul', 'p', [m.floats('eye', eye, [m.cols, m.cols]), m.floats('w', m.values, m.weight.dims)]))
    },
    reason: /^computed from other constants, by MatMul$/,
    weights: 172 * 172 + 172 * 64,
  },
  'made for each text': {
    way: (m) => {
      const one = m.op('Cast', 'o', [m.op('Size', 's', ['input_ids'])], { to: 1 })
      const same = m.op('Div', 'd', [one, one])
      m.reads(m.op('Mul', 'm', [m.floats('w', m.values, m.weight.dims), same]))
    },
    reason: /^computed from the text at every run, by Mul$/,
  },
  'Mul and ReduceSum': {
    way: (m) => {
      const x = m.op('Unsqueeze', 'x', [m.product.input[0], m.integers('last', [-1])])
      const y = m.op('Mul', 'y', [x, m.floats('w', m.values, m.weight.dims)])
      m.becomes('ReduceSum', [y, m.integers('axis', [-2])], { keepdims: 0 })
    },
    reason: /Mul, element by element/,
  },
}

/** stories260k in which some matrices reach their products otherwise, as a model directory. */
export function hiding(dir: string, ways: Record<string, Way>): string {
  const model = readOnnx(join(BASE, 'model.onnx'))
  for (const [path, way] of Object.entries(ways)) way(new HiddenMatrix(model, path))
  return save(dir, model)
}

/** The same with a Constant node in the place of every initializer. */
export function withoutInitializers(dir: string): string {
  const model = readOnnx(join(BASE, 'model.onnx'))
  const constants = [...model.initializers.values()].map((tensor) => {
    const { name, dims, dataType } = tensor
    return makeNode('Constant', [], [name], { name, attribute: tensorValue(dataType, dims, tensorBytes(tensor)) })
  })
  model.graph.node.unshift(...constants)
  model.initializers.clear()
  return save(dir, model)
}

function save(dir: string, model: OnnxModel): string {
  mkdirSync(dir, { recursive: true })
  for (const name of ['config.json', 'tokenizer.json']) cpSync(join(BASE, name), join(dir, name))
  writeOnnx(model, join(dir, 'model.onnx'), null)
  return dir
}

/** A tensor whose bytes are a file beside the graph. */
export function outside(attributes: AttributeProto[], location: string): AttributeProto[] {
  const [{ t }] = attributes
  if (t === undefined) throw new Error('no tensor')
  const entries = { location, offset: 0, length: t.rawData.length }
  t.rawData = new Uint8Array()
  t.dataLocation = 1
  t.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  )
  return attributes
}
