/** Rules of operators that work number by number, broadcasting included. d: cotangent of the output. */
import { attribute, intAttribute } from '../graph.ts'
import { NoRuleError, type Rule, type Rules, type Step } from './rule.ts'

/** Of ONNX's element types, an attribute of Cast. */
const FLOAT = 1
/** ORT's QuickGelu and Swish: x sigmoid(alpha x). */
const QUICK_GELU_ALPHA = 1.702
const SWISH_ALPHA = 1
const LEAKY_ALPHA = 0.01
const ELU_ALPHA = 1
/** Of the tanh form of GELU: sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks, Gimpel 2016). */
const GELU_CUBE = 0.044715
const GELU_SCALE = Math.sqrt(2 / Math.PI)

/** Of an operand: the cotangent of the output, times something, summed where the operand was broadcast. */
function toOperand({ tape, node }: Step, operand: number, value: string): string {
  return tape.unbroadcast(value, tape.shape(node.output[0]), tape.shape(node.input[operand]))
}

/** One input, one factor: dx = d f'(x). */
function unary(derivative: (step: Step, x: string, y: string) => string): Rule {
  return (step) => {
    const { node, tape, d } = step
    return [tape.op('Mul', [d, derivative(step, node.input[0], node.output[0])])]
  }
}

const floatOf = (step: Step, name: string, fallback: number) => attribute(step.node, name)?.f ?? fallback

/** x sigmoid(a x): s (1 + a x (1 - s)). */
function swish(step: Step, x: string, alpha: number): string {
  const { tape } = step
  const ax = tape.scale(x, alpha)
  const s = tape.op('Sigmoid', [ax])
  const rest = tape.op('Sub', [tape.scalar(1), s])
  return tape.op('Mul', [s, tape.op('Add', [tape.op('Mul', [ax, rest]), tape.scalar(1)])])
}

/** Phi(x) + x phi(x). */
function geluErf({ tape }: Step, x: string): string {
  const phi = tape.scale(tape.op('Add', [tape.op('Erf', [tape.scale(x, Math.SQRT1_2)]), tape.scalar(1)]), 0.5)
  const bell = tape.op('Exp', [tape.scale(tape.op('Mul', [x, x]), -0.5)])
  return tape.op('Add', [phi, tape.op('Mul', [x, tape.scale(bell, 1 / Math.sqrt(2 * Math.PI))])])
}

/** With u = sqrt(2/pi) (x + c x^3), t = tanh u: (1 + t) / 2 + x (1 - t^2) u' / 2. */
function geluTanh({ tape }: Step, x: string): string {
  const square = tape.op('Mul', [x, x])
  const one = tape.scalar(1)
  const inner = tape.op('Add', [tape.scale(square, GELU_CUBE), one])
  const t = tape.op('Tanh', [tape.op('Mul', [tape.scale(x, GELU_SCALE), inner])])
  const slope = tape.scale(tape.op('Add', [tape.scale(square, 3 * GELU_CUBE), one]), GELU_SCALE)
  const bend = tape.op('Mul', [tape.op('Sub', [one, tape.op('Mul', [t, t])]), tape.op('Mul', [x, slope])])
  return tape.scale(tape.op('Add', [tape.op('Add', [t, one]), bend]), 0.5)
}

/** The derivative at x + bias goes to both. */
function biased(derivative: (step: Step, x: string) => string): Rule {
  return (step) => {
    const { node, tape, d } = step
    const [x, bias] = node.input
    const hasBias = bias !== undefined && bias !== ''
    const dx = tape.op('Mul', [d, derivative(step, hasBias ? tape.op('Add', [x, bias]) : x)])
    return hasBias ? [dx, toOperand(step, 1, dx)] : [dx]
  }
}

/** Of the larger, or smaller, of two; where they are equal, of the first. */
function either(comparison: 'GreaterOrEqual' | 'LessOrEqual'): Rule {
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

const pow: Rule = (step) => {
  const { node, tape, d } = step
  const [x, exponent] = node.input
  if (step.wants(1)) throw new NoRuleError('an exponent that is no constant')
  const content = tape.content(exponent)
  if (content?.length === 1 && content[0] === 2) return [tape.op('Mul', [d, tape.scale(x, 2)])]
  const c = tape.op('Cast', [exponent], { to: FLOAT })
  const power = tape.op('Pow', [x, tape.op('Sub', [c, tape.scalar(1)])])
  return [toOperand(step, 0, tape.op('Mul', [d, tape.op('Mul', [c, power])]))]
}

const clip: Rule = ({ node, tape, d }) => {
  const [x, low, high] = node.input
  const zero = tape.scalar(0)
  let dx = d
  if (low) dx = tape.op('Where', [tape.op('GreaterOrEqual', [x, low]), dx, zero])
  if (high) dx = tape.op('Where', [tape.op('LessOrEqual', [x, high]), dx, zero])
  return [dx]
}

/** Where(c, a, b): each has the cotangent where it was chosen, and exactly 0 elsewhere, whatever stands there. */
const where: Rule = (step) => {
  const { node, tape, d } = step
  const zero = tape.scalar(0)
  return [
    null,
    step.wants(1) ? toOperand(step, 1, tape.op('Where', [node.input[0], d, zero])) : null,
    step.wants(2) ? toOperand(step, 2, tape.op('Where', [node.input[0], zero, d])) : null,
  ]
}

export const ELEMENTWISE: Rules = {
  Add: (step) => [0, 1].map((k) => (step.wants(k) ? toOperand(step, k, step.d) : null)),
  Sum: (step) => step.node.input.map((_, k) => (step.wants(k) ? toOperand(step, k, step.d) : null)),
  Sub: (step) => [
    step.wants(0) ? toOperand(step, 0, step.d) : null,
    step.wants(1) ? toOperand(step, 1, step.tape.op('Neg', [step.d])) : null,
  ],
  Mul: (step) => {
    const { node, tape, d } = step
    return [0, 1].map((k) => (step.wants(k) ? toOperand(step, k, tape.op('Mul', [d, node.input[1 - k]])) : null))
  },
  Div: (step) => {
    const { node, tape, d } = step
    const da = tape.op('Div', [d, node.input[1]])
    const db = () => tape.op('Neg', [tape.op('Mul', [da, node.output[0]])])
    return [step.wants(0) ? toOperand(step, 0, da) : null, step.wants(1) ? toOperand(step, 1, db()) : null]
  },
  Where: where,
  Max: either('GreaterOrEqual'),
  Min: either('LessOrEqual'),
  Clip: clip,
  Pow: pow,
  Identity: ({ d }) => [d],
  Cast: ({ d }) => [d], // what is computed is float32 throughout
  Neg: ({ tape, d }) => [tape.op('Neg', [d])],
  Abs: unary(({ tape }, x) => tape.op('Sign', [x])),
  Sqrt: ({ node, tape, d }) => [tape.op('Div', [tape.scale(d, 0.5), node.output[0]])],
  Reciprocal: ({ node, tape, d }) => {
    const [y] = node.output
    return [tape.op('Neg', [tape.op('Mul', [d, tape.op('Mul', [y, y])])])]
  },
  Exp: unary((_, __, y) => y),
  Log: ({ node, tape, d }) => [tape.op('Div', [d, node.input[0]])],
  Sin: unary(({ tape }, x) => tape.op('Cos', [x])),
  Cos: unary(({ tape }, x) => tape.op('Neg', [tape.op('Sin', [x])])),
  Erf: unary(({ tape }, x) =>
    tape.scale(tape.op('Exp', [tape.op('Neg', [tape.op('Mul', [x, x])])]), 2 / Math.sqrt(Math.PI)),
  ),
  Sigmoid: unary(({ tape }, _, y) => tape.op('Mul', [y, tape.op('Sub', [tape.scalar(1), y])])),
  Tanh: unary(({ tape }, _, y) => tape.op('Sub', [tape.scalar(1), tape.op('Mul', [y, y])])),
  Softplus: unary(({ tape }, x) => tape.op('Sigmoid', [x])),
  Relu: ({ node, tape, d }) => [
    tape.op('Where', [tape.op('Greater', [node.input[0], tape.scalar(0)]), d, tape.scalar(0)]),
  ],
  LeakyRelu: unary((step, x) => {
    const { tape } = step
    const positive = tape.op('Greater', [x, tape.scalar(0)])
    return tape.op('Where', [positive, tape.scalar(1), tape.scalar(floatOf(step, 'alpha', LEAKY_ALPHA))])
  }),
  Elu: unary((step, x, y) => {
    const { tape } = step
    const negative = tape.op('Add', [y, tape.scalar(floatOf(step, 'alpha', ELU_ALPHA))])
    return tape.op('Where', [tape.op('Greater', [x, tape.scalar(0)]), tape.scalar(1), negative])
  }),
  Swish: unary((step, x) => swish(step, x, floatOf(step, 'alpha', SWISH_ALPHA))),
  Gelu: unary((step, x) =>
    Buffer.from(attribute(step.node, 'approximate')?.s ?? []).toString() === 'tanh'
      ? geluTanh(step, x)
      : geluErf(step, x),
  ),
  'com.microsoft:Gelu': unary(geluErf),
  'com.microsoft:QuickGelu': unary((step, x) => swish(step, x, floatOf(step, 'alpha', QUICK_GELU_ALPHA))),
  'com.microsoft:FastGelu': biased(geluTanh),
  'com.microsoft:BiasGelu': biased(geluErf),
}

/** Of what is summed along an axis: y (d - sum of d y). Source: Goodfellow et al. 2016, section 6.2.2.3. */
const softmax: Rule = ({ node, tape, d }) => {
  const [y] = node.output
  const axis = intAttribute(node, 'axis', -1)
  const dy = tape.op('Mul', [d, y])
  return [tape.op('Sub', [dy, tape.op('Mul', [y, tape.sumOver(dy, [axis])])])]
}

const logSoftmax: Rule = ({ node, tape, d }) => {
  const axis = intAttribute(node, 'axis', -1)
  const share = tape.op('Mul', [tape.op('Exp', [node.output[0]]), tape.sumOver(d, [axis])])
  return [tape.op('Sub', [d, share])]
}

export const SOFTMAX: Rules = { Softmax: softmax, LogSoftmax: logSoftmax }
