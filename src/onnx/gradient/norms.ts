/** Formulas of sums and means over axes, of the norms made of them, and of softmax. */
import { attribute, intAttribute } from '../graph.ts'
import type { BackwardStep, Rule } from './rule.ts'
import type { Tape } from './tape.ts'

const DEFAULT_EPSILON = 1e-5

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)

/** The axes of a reduction, not negative: from an attribute or an input; all axes if neither is given. */
function reducedAxes({ node, tape }: BackwardStep): number[] {
  const rank = tape.shape(node.input[0]).length
  const axes = attribute(node, 'axes')?.ints.map(Number) ?? tape.content(node.input[1]) ?? []
  if (axes.length > 0) return axes.map((axis) => (axis < 0 ? axis + rank : axis))
  return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? [] : Array.from({ length: rank }, (_, axis) => axis)
}

/** A value of the reduction's output shape, with its reduced axes as size 1. */
function kept(step: BackwardStep, value: string, axes: readonly number[]): string {
  const { node, tape } = step
  if (intAttribute(node, 'keepdims', 1) === 1) return value
  return tape.reshape(
    value,
    tape.shape(node.input[0]).map((size, axis) => (axes.includes(axis) ? 1 : size)),
  )
}

/** The cotangent of a sum is that of each of its terms, times `factor`. */
export function spread(step: BackwardStep, factor: (count: number) => number): readonly string[] {
  const { node, tape, d } = step
  const axes = reducedAxes(step)
  const shape = tape.shape(node.input[0])
  const d1 = tape.scale(kept(step, d, axes), factor(product(axes.map((axis) => shape[axis]))))
  return [tape.op('Expand', [d1, tape.integers(shape)])]
}

export const squares: Rule = (step) => {
  const { node, tape, d } = step
  return [tape.op('Mul', [tape.scale(node.input[0], 2), kept(step, d, reducedAxes(step))])]
}

/** sqrt of the sum of squares: d x / y. */
export const l2: Rule = (step) => {
  const { node, tape, d } = step
  const ratio = kept(step, tape.op('Div', [d, node.output[0]]), reducedAxes(step))
  return [tape.op('Mul', [node.input[0], ratio])]
}

/** The shape of a norm's input, and means over the axes that are normalised. */
function normalised({ node, tape }: BackwardStep) {
  const shape = tape.shape(node.input[0])
  const first = intAttribute(node, 'axis', -1)
  const from = first < 0 ? first + shape.length : first
  const axes = shape.flatMap((_, axis) => (axis >= from ? [axis] : []))
  const count = product(shape.slice(from))
  const mean = (value: string) => tape.scale(tape.sumOver(value, axes), 1 / count)
  return { shape, mean }
}

/** 1 / sqrt(mean of squares + epsilon). */
function reciprocalDeviation(step: BackwardStep, centred: string, mean: (value: string) => string): string {
  const { node, tape } = step
  const epsilon = attribute(node, 'epsilon')?.f ?? DEFAULT_EPSILON
  const square = mean(tape.op('Mul', [centred, centred]))
  return tape.op('Reciprocal', [tape.op('Sqrt', [tape.op('Add', [square, tape.scalar(epsilon)])])])
}

/** Source: Ba, Kiros, Hinton 2016; with h = d w and x^ = (x - mean) r: dx = r (h - mean h - x^ mean(h x^)). */
export const layerNorm: Rule = (step) => {
  const { node, tape, d, wants } = step
  const [x, w, bias] = node.input
  const { shape, mean } = normalised(step)
  const centred = tape.op('Sub', [x, mean(x)])
  const r = reciprocalDeviation(step, centred, mean)
  const unit = tape.op('Mul', [centred, r])
  const h = tape.op('Mul', [d, w])
  const inner = tape.op('Sub', [tape.op('Sub', [h, mean(h)]), tape.op('Mul', [unit, mean(tape.op('Mul', [h, unit]))])])
  return [
    wants(0) ? tape.op('Mul', [r, inner]) : null,
    wants(1) ? scaleGradient(tape, d, unit, shape, w) : null,
    bias && wants(2) ? tape.unbroadcast(d, shape, tape.shape(bias)) : null,
  ]
}

/** Source: Zhang, Sennrich 2019; as above without the mean: dx = r (h - x^ mean(h x^)). */
export const rmsNorm: Rule = (step) => {
  const { node, tape, d, wants } = step
  const [x, w] = node.input
  const { shape, mean } = normalised(step)
  const r = reciprocalDeviation(step, x, mean)
  const unit = tape.op('Mul', [x, r])
  const h = tape.op('Mul', [d, w])
  const inner = tape.op('Sub', [h, tape.op('Mul', [unit, mean(tape.op('Mul', [h, unit]))])])
  return [wants(0) ? tape.op('Mul', [r, inner]) : null, wants(1) ? scaleGradient(tape, d, unit, shape, w) : null]
}

function scaleGradient(tape: Tape, d: string, unit: string, shape: readonly number[], w: string): string {
  return tape.unbroadcast(tape.op('Mul', [d, unit]), shape, tape.shape(w))
}

/** dx = y (d - sum of d y along the axis). Source: Goodfellow et al. 2016, section 6.2.2.3. */
export const softmax: Rule = ({ node, tape, d }) => {
  const [y] = node.output
  const axis = intAttribute(node, 'axis', -1)
  const dy = tape.op('Mul', [d, y])
  return [tape.op('Sub', [dy, tape.op('Mul', [y, tape.sumOver(dy, [axis])])])]
}

export const logSoftmax: Rule = ({ node, tape, d }) => {
  const axis = intAttribute(node, 'axis', -1)
  const share = tape.op('Mul', [tape.op('Exp', [node.output[0]]), tape.sumOver(d, [axis])])
  return [tape.op('Sub', [d, share])]
}
