/** The table of rules, one an operator; and what no gradient flows through. */
import type { NodeProto } from '../generated/onnx_pb.js'
import { operatorName } from '../operators/operators.ts'
import { ELEMENTWISE, SOFTMAX } from './elementwise.ts'
import { MOVES } from './moves.ts'
import { NORMS } from './norms.ts'
import { PRODUCTS } from './products.ts'
import type { Rule, Rules } from './rule.ts'

const RULES: Rules = { ...ELEMENTWISE, ...SOFTMAX, ...MOVES, ...NORMS, ...PRODUCTS }

/** Their outputs are truth values, sizes and places, or do not change where an input changes a little. */
const WITHOUT: ReadonlySet<string> = new Set(
  `
  And ArgMax Ceil Constant ConstantOfShape Equal EyeLike Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual
  NonZero Not Or Range Round Shape Sign Size Xor
`
    .trim()
    .split(/\s+/),
)

/** Inputs whose content, not only whose shape, the rules read: by operator, their places. */
export const CONTENTS: Readonly<Record<string, readonly number[]>> = {
  Pad: [1],
  Pow: [1],
  ReduceL2: [1],
  ReduceMean: [1],
  ReduceSum: [1],
  ReduceSumSquare: [1],
  Reshape: [1],
  Slice: [1, 3, 4],
}

export function ruleOf(node: NodeProto): Rule | undefined {
  const name = operatorName(node)
  return Object.hasOwn(RULES, name) ? RULES[name] : undefined
}

export function hasGradient(node: NodeProto): boolean {
  return !WITHOUT.has(operatorName(node))
}

/** Operators with a rule. */
export const DIFFERENTIABLE: readonly string[] = Object.keys(RULES)
