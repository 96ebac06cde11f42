/** Writes the nodes of a backward pass: one call for each operator, constants, and the shapes that a run has shown. */
import { type Attributes, attributesOf, makeNode, tensorProto } from '../build.ts'
import type { NodeProto, TensorProto } from '../generated/onnx_pb.js'
import { DATA_TYPE } from '../tensor.ts'

/** Shapes and contents of one run of the forward graph; the backward pass holds for runs of these very shapes. */
export interface Observed {
  /** Shapes of every value. */
  shapes: ReadonlyMap<string, readonly number[]>
  /** Contents of the inputs that an operator's entry lists under `contents`: axes, starts, exponents. */
  contents: ReadonlyMap<string, readonly number[]>
}

export class Tape {
  readonly nodes: NodeProto[] = []
  readonly constants: TensorProto[] = []
  private readonly observed: Observed
  private readonly prefix: string
  private readonly known = new Map<string, string>()

  /** @param prefix - the prefix of all names that are made here, and of no other names */
  constructor(observed: Observed, prefix: string) {
    this.observed = observed
    this.prefix = prefix
  }

  /** @throws {Error} the value was not in the run */
  shape(value: string): readonly number[] {
    const shape = this.observed.shapes.get(value)
    if (shape === undefined) throw new Error(`no shape of "${value}" was observed`)
    return shape
  }

  /** Content of a small input; undefined if the node lacks that input. @throws {Error} it was not observed */
  content(value: string | undefined): readonly number[] | undefined {
    if (value === undefined || value === '') return undefined
    const content = this.observed.contents.get(value)
    if (content === undefined) throw new Error(`no content of "${value}" was observed`)
    return content
  }

  /** Writes a node with one output and returns that. */
  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const [output] = this.ops(opType, inputs, 1, attributes)
    return output
  }

  ops(opType: string, inputs: readonly string[], count: number, attributes: Attributes = {}): string[] {
    const at = this.nodes.length
    const outputs = Array.from({ length: count }, (_, k) => `${this.prefix}${at}_${k}`)
    const fields = { name: `${this.prefix}${at}`, attribute: attributesOf(attributes) }
    this.nodes.push(makeNode(opType, [...inputs], outputs, fields))
    return outputs
  }

  /** A float32 scalar, []. */
  scalar(value: number): string {
    return this.constant(`f${value}`, DATA_TYPE.float, [], new Float32Array([value]))
  }

  /** An int64 vector. */
  integers(values: readonly number[]): string {
    return this.constant(`i${values}`, DATA_TYPE.int64, [values.length], BigInt64Array.from(values, BigInt))
  }

  /** A float32 tensor. */
  floats(values: Float32Array<ArrayBuffer>, dims: readonly number[]): string {
    return this.constant(`t${this.constants.length}`, DATA_TYPE.float, dims, values)
  }

  private constant(key: string, dataType: number, dims: readonly number[], data: ArrayBufferView<ArrayBuffer>): string {
    const known = this.known.get(key)
    if (known !== undefined) return known
    const name = `${this.prefix}const${this.constants.length}`
    this.known.set(key, name)
    this.constants.push(tensorProto({ name, dataType, dims }, data))
    return name
  }

  /** Float32 zeros of a shape. */
  zeros(shape: readonly number[]): string {
    return this.op('ConstantOfShape', [this.integers(shape)])
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.op('Reshape', [value, this.integers(shape)])
  }

  scale(value: string, factor: number): string {
    return factor === 1 ? value : this.op('Mul', [value, this.scalar(factor)])
  }

  /** Sum over axes, which stay with size 1. */
  sumOver(value: string, axes: readonly number[]): string {
    return this.op('ReduceSum', [value, this.integers(axes)], { keepdims: 1 })
  }

  /** A value of shape `from`, summed to an operand's shape that was broadcast to it. */
  unbroadcast(value: string, from: readonly number[], to: readonly number[]): string {
    const extra = from.length - to.length
    const axes = from.flatMap((size, axis) => (axis < extra || (to[axis - extra] === 1 && size !== 1) ? [axis] : []))
    if (axes.length === 0) return value
    const summed = this.sumOver(value, axes)
    return extra === 0 ? summed : this.reshape(summed, to)
  }
}
