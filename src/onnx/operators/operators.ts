/**
 * The operators that a decoder may be made of. A graph with any other is refused by the operator's name: a rewrite
 * of something not understood would be a guess.
 */
import { InputError } from '../../base/errors.ts'
import { nodeName } from '../fields.ts'
import type { NodeProto } from '../generated/onnx_pb.js'
import type { OnnxModel } from '../model.ts'
import { malformed } from '../well-formed.ts'

/**
 * Operators that compute the same thing for every token window, whatever cuts it out. Standard ones first; then those
 * of ONNX Runtime, with its domain where they have one.
 */
const KNOWN: ReadonlySet<string> = new Set(
  `
  Abs Add And ArgMax Cast CastLike Ceil Clip Concat Constant ConstantOfShape Cos CumSum
  Div Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm Greater
  GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log MatMul
  Max Min Mish Mod Mul Neg NonZero Not Or Pow Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
  ReduceSumSquare Relu Reshape Round ScatterElements ScatterND Shape Sigmoid Sign Sin Size Slice Softmax Softplus Split
  Sqrt Squeeze Sub Sum Swish Tanh Tile Transpose Trilu Unsqueeze Where Xor
  Attention RMSNormalization RotaryEmbedding
  SimplifiedLayerNormalization
  com.microsoft:BiasGelu com.microsoft:FastGelu com.microsoft:Gelu com.microsoft:GroupQueryAttention
  com.microsoft:MultiHeadAttention com.microsoft:QuickGelu com.microsoft:RotaryEmbedding
`
    .trim()
    .split(/\s+/),
)

/** Operators of quantised weights: known well enough to say what to do instead. */
const QUANTISED: ReadonlySet<string> = new Set(
  `
  DequantizeLinear DynamicQuantizeLinear QuantizeLinear MatMulInteger QLinearMatMul ConvInteger QGemm QAttention QMoE
  MatMulNBits MatMulBnb4 MatMulFpQ4 GatherBlockQuantized DynamicQuantizeMatMul MatMulIntegerToFloat MatMulNBitsMlp
  MatMulNBitsQkv
`
    .trim()
    .split(/\s+/),
)

/**
 * Which inputs an operator cannot be without, where Coppice itself looks at more than the first: that one is needed by
 * all but those that make something of nothing.
 */
const NEEDED: Record<string, readonly number[]> = {
  Add: [0, 1],
  Attention: [0, 1, 2],
  Div: [0, 1],
  Expand: [0, 1],
  Gather: [0, 1],
  Gemm: [0, 1],
  LayerNormalization: [0, 1],
  MatMul: [0, 1],
  Mul: [0, 1],
  Pow: [0, 1],
  RMSNormalization: [0, 1],
  Reshape: [0, 1],
  RotaryEmbedding: [0, 1, 2],
  SimplifiedLayerNormalization: [0, 1],
  Slice: [0, 1, 2],
  Sub: [0, 1],
  Where: [0, 1, 2],
  'com.microsoft:BiasGelu': [0, 1],
  'com.microsoft:GroupQueryAttention': [0, 5, 6],
  'com.microsoft:RotaryEmbedding': [0, 1, 2, 3],
  'com.microsoft:SkipLayerNormalization': [0, 1, 2],
  'com.microsoft:SkipSimplifiedLayerNormalization': [0, 1, 2],
}
const OF_NOTHING: ReadonlySet<string> = new Set(['Constant'])

export function operatorName({ opType, domain }: NodeProto): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`
}

/** @throws {InputError} OPERATOR_QUANTISED with the operator's and the node's name; branches count too */
export function assertNotQuantised({ graph, subgraphs, path }: OnnxModel): void {
  for (const node of [graph, ...subgraphs.keys()].flatMap((each) => each.node)) {
    if (!QUANTISED.has(node.opType)) continue
    throw new InputError({
      code: 'OPERATOR_QUANTISED',
      what: `${path} has quantised weights (operator ${operatorName(node)}, node "${node.name}")`,
      hint: 'Pruning needs the weights themselves: export the model with float32 or fp16 weights, and quantise the pruned model.',
    })
  }
}

/** @throws {InputError} MODEL_GRAPH: a node of a known operator lacks an input; branches count too */
export function assertInputs({ graph, subgraphs, path }: OnnxModel): void {
  for (const { node: nodes } of [graph, ...subgraphs.keys()]) {
    for (const [at, node] of nodes.entries()) {
      const operator = operatorName(node)
      if (!Object.hasOwn(NEEDED, operator) && (!KNOWN.has(operator) || OF_NOTHING.has(operator))) continue
      const missing = (NEEDED[operator] ?? [0]).find((slot) => !node.input[slot])
      if (missing !== undefined)
        throw malformed(path, `the node ${nodeName(node, at)}, of operator ${operator}, has no input number ${missing}`)
    }
  }
}

/** @throws {InputError} OPERATOR_UNKNOWN with the operator's and the node's name */
export function assertKnownOperators({ graph, path }: OnnxModel): void {
  for (const node of graph.node) {
    if (KNOWN.has(operatorName(node))) continue
    throw new InputError({
      code: 'OPERATOR_UNKNOWN',
      what: `${path} has the operator ${operatorName(node)} (node "${node.name}"), which is not supported`,
      hint: 'Export the model with plain ONNX operators, for example with Optimum (--task text-generation, float32).',
    })
  }
}
