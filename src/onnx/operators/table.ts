/**
 * The table of operators: an entry says all that is known of one. Who adds an operator adds its entry. Standard ones
 * stand by their name; those of ONNX Runtime with its domain where they have one.
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

/** Entries by name. An entry that is added is known from then on: nothing is derived from the table beforehand. */
export const OPERATORS = new Map<string, Operator>(FAMILIES.flatMap((family) => Object.entries(family)))

/** The entry of a node's operator; undefined if there is none. */
export function operatorOf(node: NodeProto): Operator | undefined {
  return OPERATORS.get(operatorName(node))
}

/** Whether a node hands a matrix on as it is, or turned: layers and tables are followed through it. */
export function passesMatrix(node: NodeProto): boolean {
  const axes = operatorOf(node)?.axes
  return axes === 'same' || axes === 'transpose'
}

/** Whether a node changes the form of its input and nothing else. */
export function keepsNumbers(node: NodeProto): boolean {
  const axes = operatorOf(node)?.axes
  return axes === 'same' || axes === 'reshape'
}

/** Whether what a node makes is about sizes, not about the numbers that it reads. */
export function measures(node: NodeProto): boolean {
  return operatorOf(node)?.axes === 'measure'
}

/** Names of an operator's inputs, and whether it cannot be without them. */
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

/** The input of that name; '' where the node has none. */
export function inputOf(node: NodeProto, name: string): string {
  const [slot] = placesOf(node, name)
  return slot === undefined ? '' : (node.input[slot] ?? '')
}

function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split(' ')
}
