/** Formulas of operators that work number by number, broadcasting included. d: cotangent of the output. */
import { type BackwardStep, NoRuleError, type Rule } from './rule.ts'

/** ONNX's number of float32, an attribute of Cast. */
const FLOAT = 1

/** The cotangent of an operand: a value of the output's shape, summed where the operand was broadcast. */
export function toOperand({ tape, node }: BackwardStep, operand: number, value: string): string {
  return tape.unbroadcast(value, tape.shape(node.output[0]), tape.shape(node.input[operand]))
}

/** One input, one factor: dx = d f'(x). */
export function unary(derivative: (step: BackwardStep, x: string, y: string) => string): Rule {
  return (step) => {
    const { node, tape, d } = step
    return [tape.op('Mul', [d, derivative(step, node.input[0], node.output[0])])]
  }
}

/** The cotangent goes to the larger (or smaller) of two operands, and to the first if they are equal. */
export function either(comparison: 'GreaterOrEqual' | 'LessOrEqual'): Rule {
  return (step) => {
    const { node, tape, d } = step
    if (node.input.length > 2) throw new NoRuleError('more than two operands')
    if (node.input.length === 1) return [d]
    const first = tape.op(comparison, node.input)
    const zero = tape.scalar(0)
    return [
      step.wants(0) ? toOperand(step, 0, tape.op('Where', [first, d, zero])) : null,
      step.wants(1) ? toOperand(step, 1, tape.op('Where', [first, zero, d])) : null,
    ]
  }
}

export const pow: Rule = (step) => {
  const { node, tape, d } = step
  const [x, exponent] = node.input
  if (step.wants(1)) throw new NoRuleError('an exponent that is no constant')
  const content = tape.content(exponent)
  if (content?.length === 1 && content[0] === 2) return [tape.op('Mul', [d, tape.scale(x, 2)])]
  const c = tape.op('Cast', [exponent], { to: FLOAT })
  const power = tape.op('Pow', [x, tape.op('Sub', [c, tape.scalar(1)])])
  return [toOperand(step, 0, tape.op('Mul', [d, tape.op('Mul', [c, power])]))]
}

export const clip: Rule = ({ node, tape, d }) => {
  const [x, low, high] = node.input
  const zero = tape.scalar(0)
  let dx = d
  if (low) dx = tape.op('Where', [tape.op('GreaterOrEqual', [x, low]), dx, zero])
  if (high) dx = tape.op('Where', [tape.op('LessOrEqual', [x, high]), dx, zero])
  return [dx]
}

/**
 * Where(c, a, b): each of a and b gets the cotangent where it was chosen, and exactly 0 elsewhere, even where a value
 * is NaN.
 */
export const where: Rule = (step) => {
  const { node, tape, d } = step
  const zero = tape.scalar(0)
  return [
    null,
    step.wants(1) ? toOperand(step, 1, tape.op('Where', [node.input[0], d, zero])) : null,
    step.wants(2) ? toOperand(step, 2, tape.op('Where', [node.input[0], zero, d])) : null,
  ]
}
