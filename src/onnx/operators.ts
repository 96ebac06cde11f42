/**
 * The operators that a decoder may be made of. A graph with any other is refused by the operator's name: a rewrite
 * of something not understood would be a guess.
 */
import { InputError } from '../errors.ts'
import type { GraphProto, NodeProto } from './generated/onnx_pb.js'

/** Standard operators (domain "") that compute the same thing for every token window, whatever cuts it out. */
const KNOWN: ReadonlySet<string> = new Set([
  ...[
    'Abs',
    'Add',
    'And',
    'Cast',
    'CastLike',
    'Ceil',
    'Clip',
    'Concat',
    'Constant',
    'ConstantOfShape',
    'Cos',
    'CumSum',
  ],
  ...['Div', 'Einsum', 'Equal', 'Erf', 'Exp', 'Expand', 'Flatten', 'Floor', 'Gather', 'GatherElements', 'GatherND'],
  ...['Gelu', 'Gemm', 'Greater', 'GreaterOrEqual', 'HardSwish', 'Identity', 'IsInf', 'IsNaN', 'LayerNormalization'],
  ...[
    'LeakyRelu',
    'Less',
    'LessOrEqual',
    'Log',
    'MatMul',
    'Max',
    'Min',
    'Mish',
    'Mod',
    'Mul',
    'Neg',
    'Not',
    'Or',
    'Pow',
  ],
  ...['Range', 'Reciprocal', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum', 'ReduceSumSquare'],
  ...[
    'Relu',
    'Reshape',
    'ScatterND',
    'Shape',
    'Sigmoid',
    'Sign',
    'Sin',
    'Size',
    'Slice',
    'Softmax',
    'Softplus',
    'Split',
  ],
  ...['Sqrt', 'Squeeze', 'Sub', 'Sum', 'Tanh', 'Tile', 'Transpose', 'Trilu', 'Unsqueeze', 'Where', 'Xor'],
])

/** Operators of quantised weights: known well enough to say what to do instead. */
const QUANTISED: ReadonlySet<string> = new Set([
  ...['DequantizeLinear', 'DynamicQuantizeLinear', 'QuantizeLinear', 'MatMulInteger', 'QLinearMatMul', 'ConvInteger'],
  ...['MatMulNBits', 'MatMulBnb4', 'GatherBlockQuantized', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat'],
])

export function operatorName({ opType, domain }: NodeProto): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`
}

/** @throws {InputError} OPERATOR_QUANTISED, OPERATOR_UNKNOWN with the operator's and the node's name */
export function assertKnownOperators(graph: GraphProto, path: string): void {
  for (const node of graph.node) {
    if (QUANTISED.has(node.opType)) {
      throw new InputError({
        code: 'OPERATOR_QUANTISED',
        what: `${path} has quantised weights (operator ${operatorName(node)}, node "${node.name}")`,
        hint: 'Pruning needs the weights themselves: export the model with float32 weights, and quantise the pruned model.',
      })
    }
  }
  for (const node of graph.node) {
    if (!KNOWN.has(operatorName(node))) {
      throw new InputError({
        code: 'OPERATOR_UNKNOWN',
        what: `${path} has the operator ${operatorName(node)} (node "${node.name}"), which is not supported`,
        hint: 'Export the model with plain ONNX operators, for example with Optimum (--task text-generation, float32).',
      })
    }
  }
}
