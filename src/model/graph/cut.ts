/**
 * Cuts a decoder at its residual stream into embedding, blocks and head, from the graph alone.
 *
 * The cut follows the values that descend from the token embedding, shapes aside. A value that every path from there to
 * the logits passes through is a *waist*: between two neighbouring waists lies either a chain or a residual branch. A
 * branch with attention (a Softmax, or an operator that contains it) opens a decoder block. Branches with layers and no
 * attention (the feed-forward part) belong to the block before them. Everything behind the last such branch is the
 * head. Masks, rotary tables and shapes that several parts need are computed once, in the earliest part that can, and
 * passed on.
 */
import { InputError } from '../../base/errors.ts'
import { GraphIndex, type Use } from '../../onnx/graph.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { keepsNumbers, measures, operatorOf, passesMatrix } from '../../onnx/operators/table.ts'
import { isFloating } from '../../onnx/tensor.ts'
import { type Linear, linearAt } from './layers.ts'
import { type Unfollowed, unfollowedAt } from './unfollowed.ts'

export interface Part {
  /** Node indices, ascending. Constant nodes are left out: a part includes those that it needs. */
  nodes: number[]
  /** The residual stream where the part begins (undefined for the embedding) and ends (the logits for the head). */
  enters: string | undefined
  leaves: string
  /** Values made in this part, besides `leaves`, that later parts read. */
  passes: string[]
}

export interface DecoderCut {
  index: GraphIndex
  embedding: Part
  /** `unfollowed`: matrices in the block that meet the hidden state and are not layers. */
  blocks: (Part & { layers: Linear[]; unfollowed: Unfollowed[] })[]
  head: Part
  /** Nodes that descend from the token embedding, ascending. */
  hidden: number[]
}

const EMBEDDING_PART = -1

/**
 * Cuts the lowered graph of a decoder.
 * @throws {InputError} MODEL_SHAPE: the graph is not that of a decoder language model
 */
export function cutDecoder(model: OnnxModel): DecoderCut {
  const index = new GraphIndex(model)
  const logits = findLogits(model)
  const needed = ancestors(index, logits)
  const hidden = hiddenNodes(index, needed, model.path)
  const waists = findWaists(index, hidden, logits, model.path)
  const values = new Set(hidden.flatMap((node) => index.nodes[node].output))
  const unfollowed = new Map(hidden.flatMap((node) => entryOf(node, unfollowedAt(index, values, node))))
  const isProduct = (node: number) => linearAt(index, node) !== undefined || unfollowed.has(node)
  const borders = blockBorders(index, hidden, waists, isProduct, model.path)
  const partOf = assignParts(index, needed, hidden, borders, logits)
  return { ...assemble(index, partOf, borders, logits, unfollowed), hidden }
}

function entryOf<K, V>(key: K, value: V | undefined): [K, V][] {
  return value === undefined ? [] : [[key, value]]
}

function findLogits(model: OnnxModel): string {
  const names = model.graph.output.map(({ name }) => name)
  const logits = names.includes('logits') ? 'logits' : names.length === 1 ? names[0] : undefined
  if (logits === undefined) throw unlikeADecoder(model.path, 'no output is called "logits"')
  return logits
}

function unlikeADecoder(path: string, why: string): InputError {
  return new InputError({
    code: 'MODEL_SHAPE',
    what: `${path} does not look like a decoder language model: ${why}`,
    hint: 'Export it for text generation (input_ids to logits), for example with Optimum, --task text-generation.',
  })
}

/** Nodes that the value depends on, constants included. */
export function ancestors(index: GraphIndex, value: string): Set<number> {
  const found = new Set<number>()
  const open = [value]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = index.maker(name)
    if (maker === undefined || found.has(maker)) continue
    found.add(maker)
    open.push(...index.nodes[maker].input)
  }
  return found
}

/** The nodes among the needed ones whose output descends from a token embedding, ascending. */
function hiddenNodes(index: GraphIndex, needed: ReadonlySet<number>, path: string): number[] {
  const fromIds = new Set<string>(['input_ids'])
  const values = new Set<string>()
  const found: number[] = []
  for (const [at, node] of index.nodes.entries()) {
    if (!needed.has(at) || index.isConstantNode(at) || measures(node)) continue
    const looksUp = node.opType === 'Gather' && isTable(index, node.input[0]) && fromIds.has(node.input[1])
    if (looksUp || node.input.some((input) => values.has(input))) {
      found.push(at)
      for (const output of node.output) values.add(output)
    } else if (node.input.some((input) => fromIds.has(input))) for (const output of node.output) fromIds.add(output)
  }
  if (!index.inputs.has('input_ids')) throw unlikeADecoder(path, 'no input is called "input_ids"')
  if (found.length === 0) throw unlikeADecoder(path, 'nothing looks input_ids up in an embedding table')
  return found
}

/** Whether a value is a float matrix that is known beforehand, as an embedding table is. */
export function isTable(index: GraphIndex, value: string): boolean {
  let name = value
  for (let maker = index.maker(name); maker !== undefined; maker = index.maker(name)) {
    if (!passesMatrix(index.nodes[maker])) return false
    name = index.nodes[maker].input[0]
  }
  const tensor = index.initializers.get(name)
  return tensor?.dims.length === 2 && isFloating(tensor.dataType)
}

interface Waist {
  value: string
  /** The position in the list of hidden nodes behind which only this value is still to be read. */
  after: number
}

/** Walks the hidden nodes in order and notes the places where exactly one of their values is still to be read. */
function findWaists(index: GraphIndex, hidden: readonly number[], logits: string, path: string): Waist[] {
  const inHidden = new Set(hidden)
  const readsLeft = new Map<string, number>()
  const waists: Waist[] = []
  const reads = ({ node }: Use) => inHidden.has(node)
  for (const [after, at] of hidden.entries()) {
    const node = index.nodes[at]
    for (const input of new Set(node.input)) {
      const left = readsLeft.get(input)
      if (left === undefined) continue
      if (left === 1) readsLeft.delete(input)
      else readsLeft.set(input, left - 1)
    }
    for (const output of node.output) {
      const readers = new Set(
        index
          .uses(output)
          .filter(reads)
          .map((use) => use.node),
      ).size
      if (readers > 0 || output === logits) readsLeft.set(output, readers + Number(output === logits))
    }
    if (readsLeft.size === 1) waists.push({ value: [...readsLeft.keys()][0], after })
  }
  if (waists.at(-1)?.value !== logits) throw unlikeADecoder(path, 'its logits do not end the residual stream')
  return waists
}

interface Border {
  value: string
  /** Number of hidden nodes up to and with the one that makes the value. */
  count: number
}

/** The borders of the parts: block i begins at borders[i]; the head begins at the last one. */
function blockBorders(
  index: GraphIndex,
  hidden: readonly number[],
  waists: readonly Waist[],
  isProduct: (node: number) => boolean,
  path: string,
): Border[] {
  const starts: Border[] = []
  let end: Border | undefined
  for (let k = 1; k < waists.length; k++) {
    const nodes = hidden.slice(waists[k - 1].after + 1, waists[k].after + 1)
    const branches = nodes.length > 1
    if (!branches || !nodes.some(isProduct)) continue
    const before = { value: waists[k - 1].value, count: waists[k - 1].after + 1 }
    if (nodes.some((node) => operatorOf(index.nodes[node])?.attends)) starts.push(before)
    if (starts.length > 0) end = { value: waists[k].value, count: waists[k].after + 1 }
  }
  // A block gives back the stream in the shape in which it came: OPT flattens it in between.
  for (const { value, after } of waists) {
    if (end && after === end.count && keepsNumbers(index.nodes[hidden[after]])) end = { value, count: after + 1 }
  }
  if (end === undefined) throw unlikeADecoder(path, 'no residual branch with attention was found')
  return [...starts, end]
}

/** The part of every needed node that is not constant: -1 embedding, 0..N-1 blocks, N head. */
function assignParts(
  index: GraphIndex,
  needed: ReadonlySet<number>,
  hidden: readonly number[],
  borders: readonly Border[],
  logits: string,
): Map<number, number> {
  const partOf = new Map<number, number>()
  let part = EMBEDDING_PART
  for (const [position, node] of hidden.entries()) {
    while (part + 1 < borders.length && position >= borders[part + 1].count) part++
    partOf.set(node, part)
  }
  const others = [...needed].filter((node) => !partOf.has(node) && !index.isConstantNode(node)).sort((a, b) => a - b)
  // The earliest part that can compute a node is the latest of its inputs' parts.
  const earliest = new Map(partOf)
  for (const node of others) {
    const makers = index.nodes[node].input.map((input) => index.maker(input))
    earliest.set(node, Math.max(EMBEDDING_PART, ...makers.map((maker) => earliest.get(maker ?? -1) ?? EMBEDDING_PART)))
  }
  // A node that one part alone reads is computed there, unless it looks into the hidden state of another part.
  for (const node of others.toReversed()) {
    const readers = new Set<number>()
    for (const output of index.nodes[node].output) {
      for (const use of index.uses(output)) {
        const reader = partOf.get(use.node)
        if (reader !== undefined) readers.add(reader)
      }
      if (output === logits) readers.add(borders.length - 1)
    }
    const [only] = readers
    const first = earliest.get(node) ?? EMBEDDING_PART
    partOf.set(
      node,
      readers.size === 1 && first === EMBEDDING_PART && !looksAtHidden(index, node, hidden) ? only : first,
    )
  }
  return partOf
}

function looksAtHidden(index: GraphIndex, node: number, hidden: readonly number[]): boolean {
  const makers = index.nodes[node].input.map((input) => index.maker(input))
  return measures(index.nodes[node]) && makers.some((maker) => maker !== undefined && hidden.includes(maker))
}

function assemble(
  index: GraphIndex,
  partOf: Map<number, number>,
  borders: readonly Border[],
  logits: string,
  unfollowed: ReadonlyMap<number, Unfollowed>,
): Omit<DecoderCut, 'hidden'> {
  const count = borders.length - 1
  const nodes: number[][] = Array.from({ length: count + 2 }, () => [])
  for (const [node, part] of [...partOf].sort(([a], [b]) => a - b)) nodes[part + 1].push(node)
  const parts = nodes.map((own, k): Part => {
    const leaves = k <= count ? borders[k].value : logits
    const passes = own.flatMap((node) =>
      index.nodes[node].output.filter(
        (output) => output !== leaves && index.uses(output).some((use) => (partOf.get(use.node) ?? k - 1) > k - 1),
      ),
    )
    return { nodes: own, enters: k === 0 ? undefined : borders[k - 1].value, leaves, passes }
  })
  const blocks = parts.slice(1, -1).map((part) => ({
    ...part,
    layers: part.nodes.flatMap((node) => linearAt(index, node) ?? []),
    unfollowed: part.nodes.flatMap((node) => unfollowed.get(node) ?? []),
  }))
  return { index, embedding: parts[0], blocks, head: parts[count + 1] }
}
