/**
 * Makes the backward pass of a graph: reverse-mode differentiation, written as further nodes. Rules read values of the
 * forward pass, so both run in one session. Only nodes between the wanted values and the given cotangents are visited.
 * An operator without a rule is refused by its name.
 */
import type { GraphProto, NodeProto, TensorProto } from '../generated/onnx_pb.js'
import { operatorOf } from '../operators/table.ts'
import { type Cotangent, NoRuleError, noGradient } from './rule.ts'
import { type Observed, Tape } from './tape.ts'

/**
 * The opset that the written nodes need: ScatterND adds from 16 on. The forward operators mean the same in 13 to 16.
 */
export const BACKWARD_OPSET = 16

/** The prefix of names of the backward pass. */
const PREFIX = 'grad/'

interface BackwardPass {
  /** The nodes to append to those of the forward pass. */
  nodes: NodeProto[]
  constants: TensorProto[]
  /** The name of the gradient, by wanted value. A value on which no given value depends has none. */
  gradients: Map<string, string>
}

/**
 * @param given - by a value of the graph, the name of the value that will hold its cotangent, of the same shape
 * @param wanted - values whose gradients are asked for: inputs of the graph, or any value inside
 * @throws {InputError} OPERATOR_NO_GRADIENT
 */
export function backwardPass(
  graph: GraphProto,
  observed: Observed,
  given: ReadonlyMap<string, string>,
  wanted: readonly string[],
): BackwardPass {
  const tape = new Tape(observed, PREFIX)
  const active = descendants(graph, wanted)
  const arriving = new Map<string, string[]>([...given].map(([value, cotangent]) => [value, [cotangent]]))
  const gathered = new Map<string, string>()
  const cotangentOf = (value: string): Cotangent => {
    const known = gathered.get(value)
    if (known !== undefined) return known
    const terms = arriving.get(value)
    if (terms === undefined) return null
    const sum = terms.length === 1 ? terms[0] : tape.op('Sum', terms)
    gathered.set(value, sum)
    return sum
  }
  for (const node of graph.node.toReversed()) {
    if (!hasGradient(node) || !node.input.some((input) => active.has(input))) continue
    const cotangents = node.output.map((output) => (output === '' ? null : cotangentOf(output)))
    if (cotangents.every((cotangent) => cotangent === null)) continue
    for (const [k, cotangent] of stepBack(tape, node, cotangents, active).entries()) {
      const input = node.input[k]
      if (cotangent === null || !active.has(input)) continue
      arriving.set(input, [...(arriving.get(input) ?? []), cotangent])
    }
  }
  const gradients = new Map<string, string>()
  for (const value of wanted) {
    const gradient = cotangentOf(value)
    if (gradient !== null) gradients.set(value, gradient)
  }
  return { nodes: tape.nodes, constants: tape.constants, gradients }
}

/** The values that change when one of these does. */
function descendants(graph: GraphProto, values: readonly string[]): Set<string> {
  const found = new Set(values)
  for (const node of graph.node) {
    if (!hasGradient(node) || !node.input.some((input) => found.has(input))) continue
    for (const output of node.output) if (output !== '') found.add(output)
  }
  return found
}

function stepBack(
  tape: Tape,
  node: NodeProto,
  cotangents: readonly Cotangent[],
  active: ReadonlySet<string>,
): readonly Cotangent[] {
  const rule = operatorOf(node)?.gradient
  if (!rule) throw noGradient(node, 'the operator has no rule')
  const [first] = cotangents
  try {
    const wants = (input: number) => active.has(node.input[input])
    const d = first ?? tape.zeros(tape.shape(node.output[0]))
    return rule({ node, tape, d, cotangents, wants })
  } catch (error) {
    if (error instanceof NoRuleError) throw noGradient(node, `there is no rule for ${error.message}`)
    throw error
  }
}

/**
 * Whether the output of a node changes if its input changes a little. Unknown operators count as such and are refused
 * later.
 */
function hasGradient(node: NodeProto): boolean {
  return operatorOf(node)?.gradient !== null
}
