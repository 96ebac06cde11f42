/**
 * The table of operators. An entry has all that is known about one operator, so adding an operator means adding its
 * entry. Standard operators are listed by name, those of ONNX Runtime with its domain.
 */
import type { NodeProto } from '../generated/onnx_pb.js'
import { ACTIVATIONS } from './activations.ts'
import { ARITHMETIC } from './arithmetic.ts'
import { ATTENTION } from './attention.ts'
import { COMPARISONS } from './comparisons.ts'
import { CONSTANTS } from './constants.ts'
import { MOVES } from './moves.ts'
import { operatorName } from './name.ts'
import { NORMS } from './norms.ts'
import type { Operator } from './operator.ts'
import { PRODUCTS } from './products.ts'

const FAMILIES = [ARITHMETIC, COMPARISONS, ACTIVATIONS, MOVES, NORMS, PRODUCTS, CONSTANTS, ATTENTION]

/** Entries by name. An entry may be added at any time, since nothing is derived from the table beforehand. */
export const OPERATORS = new Map<string, Operator>(FAMILIES.flatMap((family) => Object.entries(family)))

/** The entry of a node's operator; undefined if there is none. */
export function operatorOf(node: NodeProto): Operator | undefined {
  return OPERATORS.get(operatorName(node))
}

/** Whether a node passes a matrix on unchanged or transposed, so that layers and tables are followed through it. */
export function passesMatrix(node: NodeProto): boolean {
  const axes = operatorOf(node)?.axes
  return axes === 'same' || axes === 'transpose'
}

/** Whether a node changes the form of its input and nothing else. */
export function keepsNumbers(node: NodeProto): boolean {
  const axes = operatorOf(node)?.axes
  return axes === 'same' || axes === 'reshape'
}

/** Whether the output of a node depends on sizes only, not on the numbers that it reads. */
export function measures(node: NodeProto): boolean {
  return operatorOf(node)?.axes === 'measure'
}

/** The names of an operator's inputs, and whether each is required. */
export function slotsOf({ slots = 'data' }: Operator): { name: string; needed: boolean }[] {
  return wordsOf(slots).map((slot) => ({ name: slot.replace('?', ''), needed: !slot.endsWith('?') }))
}

/** Places of the inputs of a node that have these names. @param names - separated by spaces */
export function placesOf(node: NodeProto, names: string): number[] {
  const operator = operatorOf(node)
  if (operator === undefined) return []
  const known = slotsOf(operator).map(({ name }) => name)
  return wordsOf(names).flatMap((name) => (known.includes(name) ? [known.indexOf(name)] : []))
}

/** The input of that name; '' if the node lacks it. */
export function inputOf(node: NodeProto, name: string): string {
  const [slot] = placesOf(node, name)
  return slot === undefined ? '' : (node.input[slot] ?? '')
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split(' ')
}
