/**
 * Matrix products on ONNX Runtime. One session a kind of product, made once, its shapes dynamic: sessions
 * made and released call by call leak. `run` blocks its thread, so this lives where the pruning lives, in a worker.
 * On one machine the same call gives the same bits; on another CPU the last bits may differ.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { type LinearAlgebra, type Matrix, type ProductOptions, productShape } from '../algebra/linear-algebra.ts'
import { type Attributes, attributesOf, makeNode, valueInfo } from '../onnx/build.ts'
import { ModelProtoSchema } from '../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../onnx/tensor.ts'
import * as ort from './onnx-runtime.ts'
import { createSession } from './session.ts'

interface OnnxAlgebraSettings {
  /** Threads of one product; 2 by default, what a small machine has. */
  threads?: number
}

const DEFAULT_THREADS = 2

/** The operator set in which Gemm's C may be left out (11) and later: any that ONNX Runtime 1.30 knows would do. */
const OPSET = 17n
const IR_VERSION = 9n

export class OnnxAlgebra implements LinearAlgebra {
  private readonly sessions: ReadonlyMap<string, ort.InferenceSession>

  private constructor(sessions: ReadonlyMap<string, ort.InferenceSession>) {
    this.sessions = sessions
  }

  static async create({ threads = DEFAULT_THREADS }: OnnxAlgebraSettings = {}): Promise<OnnxAlgebra> {
    const sessions = new Map<string, ort.InferenceSession>()
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        for (const subtract of [false, true]) {
          const model = gemmModel(transposeA, transposeB, subtract)
          sessions.set(kindOf(transposeA, transposeB, subtract), await createSession(model, { threads, arena: false }))
        }
      }
    }
    return new OnnxAlgebra(sessions)
  }

  async multiply(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    return this.run(null, a, b, options)
  }

  async multiplySubtract(c: Matrix, a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
    return this.run(c, a, b, options)
  }

  /** Ends the sessions. */
  async dispose(): Promise<void> {
    for (const session of this.sessions.values()) await session.release()
  }

  private async run(c: Matrix | null, a: Matrix, b: Matrix, options: ProductOptions): Promise<Matrix> {
    const { transposeA = false, transposeB = false } = options
    const { rows, cols } = productShape(c, a, b, options)
    const feeds: Record<string, ort.Tensor> = { a: tensor(a), b: tensor(b) }
    if (c !== null) feeds['c'] = tensor(c)
    const session = this.sessions.get(kindOf(transposeA, transposeB, c !== null))
    if (session === undefined) throw new Error('no such product')
    // The binding copies an output into a new array even where it is given one, so it is given none.
    const { y } = await session.run(feeds)
    return { data: y.data as Float32Array, rows, cols }
  }
}

function kindOf(transposeA: boolean, transposeB: boolean, subtract: boolean): string {
  return `${subtract ? 'c - ' : ''}${transposeA ? 'aT' : 'a'} ${transposeB ? 'bT' : 'b'}`
}

function tensor({ data, rows, cols }: Matrix): ort.Tensor {
  return new ort.Tensor('float32', data, [rows, cols])
}

/** y = a b, or y = c - a b, as a model of one node: Gemm with beta 1 and alpha -1 for the latter. */
function gemmModel(transposeA: boolean, transposeB: boolean, subtract: boolean): Uint8Array {
  const inputs = subtract ? ['a', 'b', 'c'] : ['a', 'b']
  const factor: Attributes = subtract ? { alpha: { float: -1 } } : {}
  const attributes = { transA: Number(transposeA), transB: Number(transposeB), ...factor }
  const node = makeNode('Gemm', inputs, ['y'], { attribute: attributesOf(attributes) })
  const float2d = (name: string) => valueInfo(name, { dataType: DATA_TYPE.float, dims: [null, null] })
  const graph = { name: 'product', node: [node], input: inputs.map(float2d), output: [float2d('y')] }
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    graph,
  })
  return toBinary(ModelProtoSchema, model)
}
