/** One node an operator, with operands that its rule must go back through. */
import { Random } from '../../../support/random.ts'

export type Operand =
  /** A float operand; `wanted` false: a constant of the gradient. */
  | { dims: number[]; values: Float32Array; wanted: boolean }
  /** Axes, sizes, indices. */
  | { dims: number[]; integers: number[] }
  | { dims: number[]; truths: boolean[] }

export interface Case {
  op: string
  what?: string
  operands: (Operand | null)[]
  attributes?: Record<string, number | readonly number[] | string | { float: number }>
  outputs?: number
  opset?: number
}

const random = new Random(11)
const count = (dims: readonly number[]) => dims.reduce((product, size) => product * size, 1)
const x = (...dims: number[]): Operand => ({ dims, values: random.normals(count(dims)), wanted: true })
/** At least a half: for logarithms, roots, divisors. */
const positive = (...dims: number[]): Operand => ({
  dims,
  values: random.normals(count(dims)).map((value) => 0.5 + Math.abs(value)),
  wanted: true,
})
/** At least 0.1 from 0, where some operators have a corner. */
const apart = (...dims: number[]): Operand => ({
  dims,
  values: random.normals(count(dims)).map((value) => value + Math.sign(value || 1) * 0.1),
  wanted: true,
})
const given = (dims: number[], ...values: number[]): Operand => ({
  dims,
  values: Float32Array.from(values),
  wanted: false,
})
const ints = (...integers: number[]): Operand => ({ dims: [integers.length], integers })
const int = (integer: number): Operand => ({ dims: [], integers: [integer] })
const truths = (...values: boolean[]): Operand => ({ dims: [values.length], truths: values })

const UNARY = ['Identity', 'Neg', 'Exp', 'Sin', 'Cos', 'Erf', 'Sigmoid', 'Tanh', 'Softplus', 'Softmax', 'LogSoftmax']
const CORNERED = ['Abs', 'Relu', 'LeakyRelu', 'Elu']
const POSITIVE = ['Sqrt', 'Reciprocal', 'Log']

export const CASES: readonly Case[] = [
  ...UNARY.map((op) => ({ op, operands: [x(2, 3)] })),
  ...CORNERED.map((op) => ({ op, operands: [apart(2, 3)] })),
  ...POSITIVE.map((op) => ({ op, operands: [positive(2, 3)] })),
  { op: 'Softmax', what: 'another axis', operands: [x(2, 3, 2)], attributes: { axis: 1 } },
  { op: 'LogSoftmax', what: 'another axis', operands: [x(2, 3, 2)], attributes: { axis: 1 } },
  { op: 'Swish', operands: [x(2, 3)], attributes: { alpha: { float: 1.3 } }, opset: 24 },
  { op: 'Gelu', operands: [x(2, 3)], opset: 20 },
  { op: 'Gelu', what: 'tanh', operands: [x(2, 3)], attributes: { approximate: 'tanh' }, opset: 20 },
  { op: 'com.microsoft:Gelu', operands: [x(2, 3)] },
  { op: 'com.microsoft:QuickGelu', operands: [x(2, 3)] },
  { op: 'com.microsoft:FastGelu', operands: [x(2, 3)] },
  { op: 'com.microsoft:FastGelu', what: 'bias', operands: [x(2, 3), x(3)] },
  { op: 'com.microsoft:BiasGelu', operands: [x(2, 3), x(3)] },
  ...['Add', 'Sub', 'Mul', 'Sum'].flatMap((op) => [
    { op, operands: [x(2, 3), x(2, 3)] },
    { op, what: 'broadcast', operands: [x(2, 1, 3), x(4, 1)] },
    { op, what: 'a scalar', operands: [x(), x(2, 2)] },
  ]),
  { op: 'Div', operands: [x(2, 3), positive(2, 3)] },
  { op: 'Div', what: 'broadcast', operands: [x(2, 1, 3), positive(4, 1)] },
  { op: 'Pow', operands: [x(2, 3), given([], 2)] },
  { op: 'Pow', what: 'a cube', operands: [x(2, 3), given([], 3)] },
  { op: 'Pow', what: 'a root', operands: [positive(2, 3), given([], 0.5)] },
  { op: 'Where', operands: [truths(true, false, true), x(2, 3), x(3)] },
  { op: 'Max', operands: [given([3], 0.2, -0.3, 5), x(2, 3)] },
  { op: 'Min', operands: [x(2, 3), given([], 0.05)] },
  { op: 'Clip', operands: [x(3, 3), given([], -0.4), given([], 0.45)] },
  { op: 'Clip', what: 'below only', operands: [x(3, 3), given([], -0.4)] },
  { op: 'Cast', operands: [x(2, 2)], attributes: { to: 1 } },
  { op: 'MatMul', operands: [x(2, 2, 3), x(3, 4)] },
  { op: 'MatMul', what: 'batches', operands: [x(2, 2, 3), x(2, 3, 2)] },
  { op: 'MatMul', what: 'broadcast batches', operands: [x(2, 1, 2, 3), x(2, 3, 2)] },
  ...[0, 1].flatMap((transA) =>
    [0, 1].map((transB) => ({
      op: 'Gemm',
      what: `${transA}${transB}`,
      operands: [transA ? x(3, 2) : x(2, 3), transB ? x(4, 3) : x(3, 4), x(4)],
      attributes: { transA, transB, alpha: { float: 0.7 }, beta: { float: 1.5 } },
    })),
  ),
  { op: 'ReduceSum', operands: [x(2, 3, 2), ints(1)] },
  { op: 'ReduceSum', what: 'all, without axes kept', operands: [x(2, 3)], attributes: { keepdims: 0 } },
  {
    op: 'ReduceMean',
    what: 'attribute',
    operands: [x(2, 3, 2)],
    attributes: { axes: [-1, 0], keepdims: 0 },
    opset: 17,
  },
  { op: 'ReduceMean', operands: [x(2, 3), ints(-1)], opset: 18 },
  { op: 'ReduceSumSquare', operands: [x(2, 3), ints(-1)], opset: 18 },
  { op: 'ReduceL2', operands: [positive(2, 3), ints(-1)], attributes: { keepdims: 0 }, opset: 18 },
  { op: 'LayerNormalization', operands: [x(2, 2, 4), x(4), x(4)] },
  { op: 'LayerNormalization', what: 'two axes, no bias', operands: [x(2, 2, 3), x(2, 3)], attributes: { axis: 1 } },
  { op: 'RMSNormalization', operands: [x(2, 4), x(4)], opset: 23 },
  { op: 'SimplifiedLayerNormalization', operands: [x(2, 4), x(4)], attributes: { epsilon: { float: 1e-3 } } },
  { op: 'Reshape', operands: [x(2, 3), ints(3, 2)] },
  { op: 'Flatten', operands: [x(2, 3, 2)] },
  { op: 'Squeeze', operands: [x(2, 1, 3), ints(1)] },
  { op: 'Unsqueeze', operands: [x(2, 3), ints(0)] },
  { op: 'Transpose', operands: [x(2, 3, 4)], attributes: { perm: [1, 2, 0] } },
  { op: 'Transpose', what: 'reversed', operands: [x(2, 3)] },
  { op: 'Concat', operands: [x(2, 1), x(2, 3)], attributes: { axis: -1 } },
  { op: 'Split', operands: [x(2, 5), ints(2, 3)], attributes: { axis: 1 }, outputs: 2 },
  { op: 'Slice', operands: [x(3, 4), ints(1, -3), ints(3, 100), ints(0, 1)] },
  { op: 'Slice', what: 'steps', operands: [x(2, 7), ints(1), ints(7), ints(1), ints(2)] },
  { op: 'Slice', what: 'steps beyond the end', operands: [x(2, 6), ints(0), ints(6), ints(-1), ints(4)] },
  { op: 'Pad', operands: [x(2, 2), ints(0, 1, 1, 0)] },
  { op: 'Expand', operands: [x(2, 1), ints(3, 2, 4)] },
  { op: 'Tile', operands: [x(2, 3), ints(2, 2)] },
  { op: 'Gather', operands: [x(4, 3), { dims: [2, 2], integers: [1, 3, 1, -1] }] },
  { op: 'Gather', what: 'a scalar on another axis', operands: [x(2, 3, 2), int(1)], attributes: { axis: 1 } },
  { op: 'GatherElements', operands: [x(2, 3), { dims: [2, 2], integers: [0, 0, 2, 1] }], attributes: { axis: 1 } },
  { op: 'Trilu', operands: [x(3, 3)] },
  { op: 'Trilu', what: 'lower', operands: [x(3, 3), int(-1)], attributes: { upper: 0 } },
]
