/** A model of one node, its values and gradients as ONNX Runtime computes them. */
import { create, toBinary } from '@bufbuild/protobuf'
import { differentiate } from '../../../../src/model/backward/differentiate.ts'
import { observeShapes } from '../../../../src/model/graph/shapes.ts'
import { attributesOf, makeNode, valueInfo } from '../../../../src/onnx/build.ts'
import { type ModelProto, ModelProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../../../src/onnx/tensor.ts'
import * as ort from '../../../../src/runtime/onnx-runtime.ts'
import { createSession } from '../../../../src/runtime/session.ts'
import type { Case, Operand } from './cases.ts'

const OPSET = 16

export type Feeds = Record<string, ort.Tensor>

export class OneNode {
  readonly proto: ModelProto
  readonly feeds: Feeds
  /** Inputs whose gradients are asked for. */
  readonly wanted: string[]
  readonly outputs: string[]

  constructor({ op, operands, attributes = {}, outputs = 1, opset = OPSET }: Case) {
    const [domain, opType] = op.includes(':') ? op.split(':') : ['', op]
    const named = operands.map((operand, k) => ({ operand, name: operand === null ? '' : `x${k}` }))
    this.outputs = Array.from({ length: outputs }, (_, k) => `y${k}`)
    const node = makeNode(
      opType,
      named.map(({ name }) => name),
      this.outputs,
      { domain, attribute: attributesOf(attributes) },
    )
    const present = named.flatMap(({ operand, name }) => (operand === null ? [] : [{ operand, name }]))
    this.feeds = Object.fromEntries(present.map(({ operand, name }) => [name, tensorOf(operand)]))
    this.wanted = present.flatMap(({ operand, name }) => ('wanted' in operand && operand.wanted ? [name] : []))
    this.proto = create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [
        { domain: '', version: BigInt(opset) },
        { domain: 'com.microsoft', version: 1n },
      ],
      graph: {
        name: 'one',
        node: [node],
        input: present.map(({ operand, name }) => valueInfo(name, { dataType: typeOf(operand), dims: operand.dims })),
        output: this.outputs.map((name) => valueInfo(name)),
      },
    })
  }

  async session(): Promise<ort.InferenceSession> {
    return createSession(toBinary(ModelProtoSchema, this.proto), { threads: 1 })
  }

  /** Gradients of sum of c y over all outputs, by input. @param seeds - c, by output */
  async gradients(seeds: readonly ort.Tensor[]): Promise<Record<string, Float32Array>> {
    const observed = await observeShapes(this.proto, this.feeds, 1)
    const asked = { given: this.outputs, wanted: this.wanted, kept: [] }
    const { proto, cotangents, gradients } = differentiate(this.proto, observed, asked)
    const session = await createSession(toBinary(ModelProtoSchema, proto), { threads: 1 })
    const given = this.outputs.map((name, k) => [cotangents.get(name) as string, seeds[k]])
    const out = await session.run({ ...this.feeds, ...Object.fromEntries(given) })
    await session.release()
    return Object.fromEntries(
      [...gradients].map(([name, output]) => [name, Float32Array.from(out[output].data as Float32Array)]),
    )
  }
}

function typeOf(operand: Operand): number {
  return 'integers' in operand ? DATA_TYPE.int64 : 'truths' in operand ? DATA_TYPE.bool : DATA_TYPE.float
}

function tensorOf(operand: Operand): ort.Tensor {
  if ('integers' in operand) return new ort.Tensor('int64', BigInt64Array.from(operand.integers, BigInt), operand.dims)
  if ('truths' in operand) return new ort.Tensor('bool', Uint8Array.from(operand.truths, Number), operand.dims)
  return new ort.Tensor('float32', operand.values, operand.dims)
}
