/** Activations, number by number. */
import { biased, floatOf, geluErf, geluTanh, swish } from '../gradient/activations.ts'
import { unary } from '../gradient/elementwise.ts'
import { attribute } from '../graph.ts'
import type { Operator, Operators } from './operator.ts'

/** ORT's QuickGelu and Swish: x sigmoid(alpha x). */
const QUICK_GELU_ALPHA = 1.702
const SWISH_ALPHA = 1
const LEAKY_ALPHA = 0.01
const ELU_ALPHA = 1

const ELEMENTWISE: Operator = { axes: 'elementwise' }
/** Operators that first add a bias to x. */
const BIASED: Operator = { ...ELEMENTWISE, matrices: '' }

export const ACTIVATIONS: Operators = {
  Elu: {
    ...ELEMENTWISE,
    gradient: unary((step, x, y) => {
      const { tape } = step
      const negative = tape.op('Add', [y, tape.scalar(floatOf(step, 'alpha', ELU_ALPHA))])
      return tape.op('Where', [tape.op('Greater', [x, tape.scalar(0)]), tape.scalar(1), negative])
    }),
  },
  Erf: {
    ...ELEMENTWISE,
    gradient: unary(({ tape }, x) =>
      tape.scale(tape.op('Exp', [tape.op('Neg', [tape.op('Mul', [x, x])])]), 2 / Math.sqrt(Math.PI)),
    ),
  },
  Gelu: {
    ...ELEMENTWISE,
    gradient: unary((step, x) =>
      Buffer.from(attribute(step.node, 'approximate')?.s ?? []).toString() === 'tanh'
        ? geluTanh(step, x)
        : geluErf(step, x),
    ),
  },
  HardSigmoid: ELEMENTWISE,
  HardSwish: ELEMENTWISE,
  LeakyRelu: {
    ...ELEMENTWISE,
    gradient: unary((step, x) => {
      const { tape } = step
      const positive = tape.op('Greater', [x, tape.scalar(0)])
      return tape.op('Where', [positive, tape.scalar(1), tape.scalar(floatOf(step, 'alpha', LEAKY_ALPHA))])
    }),
  },
  Mish: ELEMENTWISE,
  Relu: {
    ...ELEMENTWISE,
    gradient: ({ node, tape, d }) => [
      tape.op('Where', [tape.op('Greater', [node.input[0], tape.scalar(0)]), d, tape.scalar(0)]),
    ],
  },
  Sigmoid: {
    ...ELEMENTWISE,
    gradient: unary(({ tape }, _, y) => tape.op('Mul', [y, tape.op('Sub', [tape.scalar(1), y])])),
  },
  Softplus: { ...ELEMENTWISE, gradient: unary(({ tape }, x) => tape.op('Sigmoid', [x])) },
  Swish: { ...ELEMENTWISE, gradient: unary((step, x) => swish(step, x, floatOf(step, 'alpha', SWISH_ALPHA))) },
  Tanh: {
    ...ELEMENTWISE,
    positionwise: true,
    gradient: unary(({ tape }, _, y) => tape.op('Sub', [tape.scalar(1), tape.op('Mul', [y, y])])),
  },
  'com.microsoft:BiasGelu': { ...BIASED, slots: 'data bias', gradient: biased(geluErf) },
  'com.microsoft:FastGelu': { ...BIASED, slots: 'data bias?', gradient: biased(geluTanh) },
  'com.microsoft:Gelu': { ...ELEMENTWISE, gradient: unary(geluErf) },
  'com.microsoft:QuickGelu': {
    ...ELEMENTWISE,
    gradient: unary((step, x) => swish(step, x, floatOf(step, 'alpha', QUICK_GELU_ALPHA))),
  },
}
