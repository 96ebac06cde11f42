/** Derivatives of activations: each is multiplied by the cotangent d of the output. */
import { attribute } from '../graph.ts'
import { toOperand } from './elementwise.ts'
import type { BackwardStep, Rule } from './rule.ts'

/** Constants of the tanh form of GELU: sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks, Gimpel 2016). */
const GELU_CUBE = 0.044715
const GELU_SCALE = Math.sqrt(2 / Math.PI)

export const floatOf = (step: BackwardStep, name: string, fallback: number) => attribute(step.node, name)?.f ?? fallback

/** x sigmoid(a x): s (1 + a x (1 - s)). */
export function swish(step: BackwardStep, x: string, alpha: number): string {
  const { tape } = step
  const ax = tape.scale(x, alpha)
  const s = tape.op('Sigmoid', [ax])
  const rest = tape.op('Sub', [tape.scalar(1), s])
  return tape.op('Mul', [s, tape.op('Add', [tape.op('Mul', [ax, rest]), tape.scalar(1)])])
}

/** Phi(x) + x phi(x). */
export function geluErf({ tape }: BackwardStep, x: string): string {
  const phi = tape.scale(tape.op('Add', [tape.op('Erf', [tape.scale(x, Math.SQRT1_2)]), tape.scalar(1)]), 0.5)
  const bell = tape.op('Exp', [tape.scale(tape.op('Mul', [x, x]), -0.5)])
  return tape.op('Add', [phi, tape.op('Mul', [x, tape.scale(bell, 1 / Math.sqrt(2 * Math.PI))])])
}

/** With u = sqrt(2/pi) (x + c x^3), t = tanh u: (1 + t) / 2 + x (1 - t^2) u' / 2. */
export function geluTanh({ tape }: BackwardStep, x: string): string {
  const square = tape.op('Mul', [x, x])
  const one = tape.scalar(1)
  const inner = tape.op('Add', [tape.scale(square, GELU_CUBE), one])
  const t = tape.op('Tanh', [tape.op('Mul', [tape.scale(x, GELU_SCALE), inner])])
  const slope = tape.scale(tape.op('Add', [tape.scale(square, 3 * GELU_CUBE), one]), GELU_SCALE)
  const bend = tape.op('Mul', [tape.op('Sub', [one, tape.op('Mul', [t, t])]), tape.op('Mul', [x, slope])])
  return tape.scale(tape.op('Add', [tape.op('Add', [t, one]), bend]), 0.5)
}

/** The derivative at x + bias goes to both. */
export function biased(derivative: (step: BackwardStep, x: string) => string): Rule {
  return (step) => {
    const { node, tape, d } = step
    const [x, bias] = node.input
    const hasBias = bias !== undefined && bias !== ''
    const dx = tape.op('Mul', [d, derivative(step, hasBias ? tape.op('Add', [x, bias]) : x)])
    return hasBias ? [dx, toOperand(step, 1, dx)] : [dx]
  }
}
