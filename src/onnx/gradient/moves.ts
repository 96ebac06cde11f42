/** Formulas of operators that only move numbers: the cotangents are moved back. */
import { attribute, intAttribute } from '../graph.ts'
import { NoRuleError, type Rule } from './rule.ts'
import type { Tape } from './tape.ts'

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)
const fromFront = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)
/** `shape` with another size on one axis. */
const resized = (shape: readonly number[], axis: number, size: number) =>
  shape.map((old, at) => (at === axis ? size : old))

export const reshape: Rule = ({ node, tape, d }) => [tape.reshape(d, tape.shape(node.input[0]))]

export const transpose: Rule = ({ node, tape, d }) => {
  const rank = tape.shape(node.input[0]).length
  const perm = attribute(node, 'perm')?.ints.map(Number) ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis)
  return [tape.op('Transpose', [d], { perm: perm.map((_, axis) => perm.indexOf(axis)) })]
}

export const concat: Rule = ({ node, tape, d, wants }) => {
  const rank = tape.shape(node.output[0]).length
  const axis = fromFront(intAttribute(node, 'axis', 0), rank)
  const sizes = node.input.map((input) => tape.shape(input)[axis])
  const pieces = tape.ops('Split', [d, tape.integers(sizes)], sizes.length, { axis })
  return pieces.map((piece, k) => (wants(k) ? piece : null))
}

export const split: Rule = ({ node, tape, cotangents }) => {
  const pieces = node.output.map((output, k) => cotangents[k] ?? tape.zeros(tape.shape(output)))
  return [tape.op('Concat', pieces, { axis: intAttribute(node, 'axis', 0) })]
}

/** Zeros before and behind a value on one axis. */
function padded(tape: Tape, value: string, rank: number, axis: number, before: number, behind: number): string {
  if (before === 0 && behind === 0) return value
  const pads = new Array(2 * rank).fill(0)
  pads[axis] = before
  pads[rank + axis] = behind
  return tape.op('Pad', [value, tape.integers(pads)])
}

/** Puts the numbers that a slice took from an axis of `size` back, among zeros. @returns [value, its shape] */
function putBack(
  tape: Tape,
  value: string,
  shape: readonly number[],
  { axis, start, step, size }: { axis: number; start: number; step: number; size: number },
): [string, number[]] {
  const rank = shape.length
  const full = resized(shape, axis, size)
  if (step === 1) return [padded(tape, value, rank, axis, start, size - start - shape[axis]), full]
  // Each number gets step - 1 zeros behind it.
  const [before, behind] = [shape.slice(0, axis), shape.slice(axis + 1)]
  const apart = padded(
    tape,
    tape.reshape(value, [...before, shape[axis], 1, ...behind]),
    rank + 1,
    axis + 1,
    0,
    step - 1,
  )
  const wide = tape.reshape(apart, resized(shape, axis, shape[axis] * step))
  const behindLast = size - start - shape[axis] * step
  return [padded(tape, wide, rank, axis, start, behindLast), full] // a negative number of zeros cuts off
}

export const slice: Rule = ({ node, tape, d }) => {
  const shape = tape.shape(node.input[0])
  const starts = tape.content(node.input[1]) ?? []
  const axes = tape.content(node.input[3]) ?? starts.map((_, axis) => axis)
  const steps = tape.content(node.input[4]) ?? starts.map(() => 1)
  let [value, now]: [string, readonly number[]] = [d, tape.shape(node.output[0])]
  for (const [k, given] of axes.entries()) {
    if (steps[k] < 1) throw new NoRuleError('a slice that runs backwards')
    const axis = fromFront(given, shape.length)
    const size = shape[axis]
    const start = Math.min(size, Math.max(0, fromFront(starts[k], size)))
    ;[value, now] = putBack(tape, value, now, { axis, start, step: steps[k], size })
  }
  return [value]
}

export const pad: Rule = ({ node, tape, d }) => {
  const mode = Buffer.from(attribute(node, 'mode')?.s ?? []).toString()
  if (mode !== '' && mode !== 'constant') throw new NoRuleError(`padding in mode ${mode}`)
  if (node.input[3]) throw new NoRuleError('padding of some axes')
  const shape = tape.shape(node.input[0])
  const begins = (tape.content(node.input[1]) ?? []).slice(0, shape.length)
  const ends = begins.map((begin, axis) => begin + shape[axis])
  return [tape.op('Slice', [d, tape.integers(begins), tape.integers(ends)])]
}

export const expand: Rule = ({ node, tape, d }) => [
  tape.unbroadcast(d, tape.shape(node.output[0]), tape.shape(node.input[0])),
]

/** Every axis of the output is [repetitions, size]: repetitions are summed. */
export const tile: Rule = ({ node, tape, d }) => {
  const shape = tape.shape(node.input[0])
  const pairs = tape.shape(node.output[0]).flatMap((size, axis) => [size / shape[axis], shape[axis]])
  const repetitions = shape.map((_, axis) => 2 * axis)
  return [tape.reshape(tape.sumOver(tape.reshape(d, pairs), repetitions), shape)]
}

/** Rows that were looked up add up where they came from: x [before, n, behind], ids [any], y [before, any, behind]. */
export const gather: Rule = ({ node, tape, d }) => {
  const [x, ids] = node.input
  const shape = tape.shape(x)
  const axis = fromFront(intAttribute(node, 'axis', 0), shape.length)
  const count = product(tape.shape(ids))
  const before = product(shape.slice(0, axis))
  const behind = product(shape.slice(axis + 1))
  const size = shape[axis]
  const rows = tape.op('Transpose', [tape.reshape(d, [before, count, behind])], { perm: [1, 0, 2] })
  const added = tape.op('ScatterND', [tape.zeros([size, before, behind]), tape.reshape(ids, [count, 1]), rows], ADDING)
  return [tape.reshape(tape.op('Transpose', [added], { perm: [1, 0, 2] }), shape)]
}

export const gatherElements: Rule = ({ node, tape, d }) => {
  const [x, ids] = node.input
  const zeros = tape.zeros(tape.shape(x))
  return [tape.op('ScatterElements', [zeros, ids, d], { ...ADDING, axis: intAttribute(node, 'axis', 0) })]
}

/** ScatterND adds numbers at the same place, and does not replace them. */
const ADDING = { reduction: 'add' } as const

export const trilu: Rule = ({ node, tape, d }) => [
  tape.op('Trilu', node.input[1] ? [d, node.input[1]] : [d], { upper: intAttribute(node, 'upper', 1) }),
]
