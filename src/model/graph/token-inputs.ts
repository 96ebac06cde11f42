/**
 * Finds out whether a layer's input follows from the token alone: then each token has one fixed vector there (each
 * token and position, if positions are learned), and a sum over a text shows how often the text has each token.
 *
 * Values that no token id reaches may be made in any way: they are the same for every text. Where a token id reaches,
 * only operators may stand that compute each position by itself.
 */
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { type GraphIndex, intAttribute } from '../../onnx/graph.ts'
import { operatorName } from '../../onnx/operators/name.ts'
import { measures, operatorOf } from '../../onnx/operators/table.ts'
import { ancestors, type DecoderCut, isTable } from './cut.ts'
import { linearAt } from './layers.ts'

/** The way from the token ids to a value. */
export interface Way {
  value: string
  /** All nodes that make the value, ascending, except for constant ones. */
  nodes: number[]
  /** Those of them that a token id reaches. */
  reached: number[]
  /** Whether tokens see each other on it, as behind attention. */
  attends: boolean
  /** The first operator that may mix positions and is no attention; undefined: there is none. */
  mixing: string | undefined
}

/** @param hidden - nodes that descend from the token embedding */
export function wayTo({ index, hidden }: Pick<DecoderCut, 'index' | 'hidden'>, value: string): Way {
  const nodes = [...ancestors(index, value)].filter((node) => !index.isConstantNode(node)).sort((a, b) => a - b)
  const values = new Set(['input_ids'])
  const isReached = (name: string) => values.has(name)
  const reached = nodes.filter((at) => {
    const { input, output } = index.nodes[at]
    if (measures(index.nodes[at]) || !input.some(isReached)) return false
    for (const name of output) values.add(name)
    return true
  })
  const embedded = new Set(hidden)
  const mixing = reached.find((at) => !keepsPositions(index, at, embedded.has(at), isReached))
  return {
    ...{ value, nodes, reached },
    attends: nodes.some((at) => operatorOf(index.nodes[at])?.attends),
    mixing: mixing === undefined ? undefined : operatorName(index.nodes[mixing]),
  }
}

/**
 * Whether a node computes each position by itself, as far as its operator tells.
 * @param isEmbedded - whether it descends from the embedding; before that a value has no axis of features
 */
function keepsPositions(
  index: GraphIndex,
  at: number,
  isEmbedded: boolean,
  isReached: (value: string) => boolean,
): boolean {
  const node = index.nodes[at]
  const { axes, positionwise } = operatorOf(node) ?? {}
  if (axes === 'elementwise' || axes === 'reshape' || axes === 'same') return true
  if (!isEmbedded) return false
  if (node.opType === 'Gather') return isTable(index, node.input[0]) && intAttribute(node, 'axis', 0) === 0
  if (axes === 'matmul' || axes === 'gemm')
    return linearAt(index, at) !== undefined && !node.input.slice(1).some(isReached)
  return positionwise === true
}

/**
 * The first operator on a way that mixes positions by the sizes of one run; undefined: there is none. Reshapes, norms
 * and means tell only by their sizes which axes they touch.
 * @param rows - positions of the run; its two factors differ, or some broadcasting would go unseen
 * @param shapeOf - shapes of all values in that run
 */
export function mixingAt(
  { index, hidden }: Pick<DecoderCut, 'index' | 'hidden'>,
  { reached }: Way,
  rows: number,
  shapeOf: (value: string) => readonly number[],
): string | undefined {
  const embedded = new Set(hidden)
  const mixing = reached.find((at) => {
    const node = index.nodes[at]
    const shape = shapeOf(node.output[0])
    const positions = embedded.has(at) ? shape.slice(0, -1) : shape
    return positions.reduce((product, size) => product * size, 1) !== rows || !isOverLastAxis(node, shape.length)
  })
  return mixing === undefined ? undefined : operatorName(index.nodes[mixing])
}

/** Whether a norm is one over features. @param rank - of its output */
function isOverLastAxis(node: NodeProto, rank: number): boolean {
  if (operatorOf(node)?.axes !== 'norm') return true
  const axis = intAttribute(node, 'axis', -1)
  return axis === -1 || axis === rank - 1
}
