/** Arithmetic, number by number. d: cotangent of the output. */
import { clip, either, pow, toOperand, unary, where } from '../gradient/elementwise.ts'
import type { Operator, Operators } from './operator.ts'

const ELEMENTWISE: Operator = { axes: 'elementwise' }
/** Operators that round at most once. */
const EXACT: Operator = { axes: 'elementwise', exact: true }
/** Step functions: they have no slope. */
const STEP: Operator = { gradient: null }
/** Operators that add or choose: a matrix among their inputs is a mask or a bias. */
const PICKING: Operator = { ...EXACT, matrices: '' }

export const ARITHMETIC: Operators = {
  Abs: { ...EXACT, gradient: unary(({ tape }, x) => tape.op('Sign', [x])) },
  Add: {
    ...PICKING,
    slots: 'a b',
    positionwise: true,
    gradient: (step) => [0, 1].map((k) => (step.wants(k) ? toOperand(step, k, step.d) : null)),
  },
  Ceil: { ...STEP, exact: true },
  Clip: { ...EXACT, gradient: clip },
  Cos: { ...ELEMENTWISE, gradient: unary(({ tape }, x) => tape.op('Neg', [tape.op('Sin', [x])])) },
  CumSum: {},
  Div: {
    ...EXACT,
    slots: 'a b',
    positionwise: true,
    matrix: 'scale',
    gradient: (step) => {
      const { node, tape, d } = step
      const da = tape.op('Div', [d, node.input[1]])
      const db = () => tape.op('Neg', [tape.op('Mul', [da, node.output[0]])])
      return [step.wants(0) ? toOperand(step, 0, da) : null, step.wants(1) ? toOperand(step, 1, db()) : null]
    },
  },
  Exp: { ...ELEMENTWISE, gradient: unary((_, __, y) => y) },
  Floor: { ...STEP, exact: true },
  Log: { ...ELEMENTWISE, gradient: ({ node, tape, d }) => [tape.op('Div', [d, node.input[0]])] },
  Max: { ...PICKING, gradient: either('GreaterOrEqual') },
  Min: { ...PICKING, gradient: either('LessOrEqual') },
  Mod: ELEMENTWISE,
  Mul: {
    ...EXACT,
    slots: 'a b',
    positionwise: true,
    matrix: 'scale',
    gradient: (step) => {
      const { node, tape, d } = step
      return [0, 1].map((k) => (step.wants(k) ? toOperand(step, k, tape.op('Mul', [d, node.input[1 - k]])) : null))
    },
  },
  Neg: { ...EXACT, gradient: ({ tape, d }) => [tape.op('Neg', [d])] },
  Pow: { ...ELEMENTWISE, slots: 'data exponent', positionwise: true, contents: 'exponent', gradient: pow },
  Reciprocal: {
    ...ELEMENTWISE,
    positionwise: true,
    gradient: ({ node, tape, d }) => {
      const [y] = node.output
      return [tape.op('Neg', [tape.op('Mul', [d, tape.op('Mul', [y, y])])])]
    },
  },
  Round: STEP,
  Sign: { ...EXACT, ...STEP },
  Sin: { ...ELEMENTWISE, gradient: unary(({ tape }, x) => tape.op('Cos', [x])) },
  Sqrt: {
    ...ELEMENTWISE,
    positionwise: true,
    gradient: ({ node, tape, d }) => [tape.op('Div', [tape.scale(d, 0.5), node.output[0]])],
  },
  Sub: {
    ...PICKING,
    slots: 'a b',
    positionwise: true,
    gradient: (step) => [
      step.wants(0) ? toOperand(step, 0, step.d) : null,
      step.wants(1) ? toOperand(step, 1, step.tape.op('Neg', [step.d])) : null,
    ],
  },
  Sum: {
    ...ELEMENTWISE,
    matrices: '',
    gradient: (step) => step.node.input.map((_, k) => (step.wants(k) ? toOperand(step, k, step.d) : null)),
  },
  Where: { ...PICKING, slots: 'condition a b', gradient: where },
}
