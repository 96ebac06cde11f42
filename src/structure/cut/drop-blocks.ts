/**
 * A model without some whole blocks. Readers of the residual stream behind a dropped block read the stream in front of
 * it instead. Nodes and weights that nothing reads then are dropped. Nothing inside the remaining blocks is rewritten,
 * so they may have any operators.
 */
import { InputError } from '../../base/errors.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { GraphProto, NodeProto } from '../../onnx/generated/onnx_pb.js'
import { like } from '../../onnx/graph.ts'
import { splitSkipNorm } from '../../onnx/lower/split-skip-norms.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { measures } from '../../onnx/operators/table.ts'

/** The beginnings of the names of inputs that hold the past of a block. */
const PAST = /^past/

/**
 * The graph of `decoder`'s file without these blocks, weights still by reference; `decoder` stays as it is. Inputs and
 * outputs of the past of the others are numbered anew, from 0. Values that a dropped block computes for later ones
 * without its weights, such as a size, stay.
 * @param dropped - ascending; not all blocks
 * @throws {InputError} DROP_UNKNOWN
 */
export function dropBlocks(decoder: Decoder, dropped: readonly number[]): OnnxModel {
  const { model, cut } = decoder
  if (model.subgraphs.size > 0) throw refuse(decoder, 'has an If, and only one of its branches was examined')
  const gone = new Set(dropped)
  const kept = cut.blocks.flatMap((_, block) => (gone.has(block) ? [] : [block]))
  const pasts = pastsOf(decoder)
  const wires = new Map<string, string>()
  for (const block of dropped) {
    const { enters = '', leaves } = cut.blocks[block]
    wires.set(leaves, wires.get(enters) ?? enters)
    for (const [role, past] of pasts[block].entries()) wires.set(past, pasts[kept[0]][role])
  }
  const names = renumbered(decoder, kept, pasts)
  const outputs = model.graph.output.filter(({ name }) => !gone.has(blockOf(decoder, name)))
  const wired = split(model.graph.node, wires).map((node) =>
    like(node, { input: node.input.map((value) => wires.get(value) ?? value), output: [...node.output] }),
  )
  const node = living(
    wired,
    outputs.map(({ name }) => name),
  )
  const read = new Set(node.flatMap(({ input }) => input))
  for (const block of dropped)
    if (cut.blocks[block].layers.some(({ weight }) => read.has(weight.name)))
      throw refuse(decoder, `computes for later blocks something that needs the weights of block ${block}`)
  const readBefore = new Set(model.graph.node.flatMap(({ input }) => input))
  const nameOf = (value: string) => names.get(value) ?? value
  for (const each of node) Object.assign(each, { input: each.input.map(nameOf), output: each.output.map(nameOf) })
  const input = model.graph.input.filter(({ name }) => read.has(name) || !readBefore.has(name))
  const renamed = <T extends { name: string }>(info: T) => like(info, { name: nameOf(info.name) } as Partial<T>)
  const graph: GraphProto = like(model.graph, {
    ...{ node, input: input.map(renamed), output: outputs.map(renamed) },
    valueInfo: [], // hints of an exporter, some of them about dropped values
  })
  const initializers = new Map([...model.initializers].filter(([name]) => read.has(name)))
  return { ...model, graph, initializers }
}

/** Splits norms that are fused with the residual sum between two blocks, if that sum is at a border that changes. */
function split(nodes: readonly NodeProto[], wires: ReadonlyMap<string, string>): NodeProto[] {
  const borders = new Set([...wires.keys(), ...wires.values()])
  return nodes.flatMap((node) => {
    const parts = splitSkipNorm(node)
    return parts.some(({ output }) => output.some((value) => borders.has(value))) ? parts : [node]
  })
}

/** The nodes that these values need, in their order. */
function living(nodes: readonly NodeProto[], values: readonly string[]): NodeProto[] {
  const makers = new Map(nodes.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const found = new Set<NodeProto>()
  const open = [...values]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const maker = value === '' ? undefined : makers.get(value)
    if (maker === undefined || found.has(maker)) continue
    found.add(maker)
    open.push(...maker.input)
  }
  return nodes.filter((node) => found.has(node))
}

/** For each block, the inputs of its past in order: keys, values. A mask may depend on the size of one of them. */
function pastsOf({ cut, index, directory }: Decoder): string[][] {
  const pasts: string[][] = cut.blocks.map(() => [])
  const inBlock = new Map(cut.blocks.flatMap(({ nodes }, block) => nodes.map((node) => [node, block] as const)))
  for (const name of [...index.inputs].filter((input) => PAST.test(input)).sort()) {
    const readers = index.uses(name).filter(({ node }) => !measures(index.nodes[node]))
    for (const block of new Set(readers.flatMap(({ node }) => inBlock.get(node) ?? []))) pasts[block].push(name)
  }
  if (pasts.every((own) => own.length === pasts[0].length) && new Set(pasts.flat()).size === pasts.flat().length)
    return pasts
  throw refuse({ directory }, "has inputs of the past that are not one block's each")
}

/** The block that makes an output of the graph; -1 if none does. */
function blockOf({ cut, index }: Decoder, output: string): number {
  const partOf = new Map([...cut.embedding.nodes, ...cut.head.nodes].map((node) => [node, -1]))
  for (const [block, { nodes }] of cut.blocks.entries()) for (const node of nodes) partOf.set(node, block)
  const visit = (value: string): number => {
    const maker = index.maker(value)
    return maker === undefined ? -1 : (partOf.get(maker) ?? Math.max(-1, ...index.nodes[maker].input.map(visit)))
  }
  return visit(output)
}

/** New names of the past's inputs and outputs of blocks that stay, by their old ones. */
function renumbered(decoder: Decoder, kept: readonly number[], pasts: readonly string[][]): Map<string, string> {
  const names = new Map<string, string>()
  const outputs = decoder.model.graph.output.map(({ name }) => ({ name, block: blockOf(decoder, name) }))
  for (const [number, block] of kept.entries()) {
    const own = [...pasts[block], ...outputs.filter((output) => output.block === block).map(({ name }) => name)]
    for (const name of own)
      names.set(
        name,
        name.replace(/\d+/, (old) => (Number(old) === block ? String(number) : old)),
      )
  }
  return names
}

function refuse({ directory }: Pick<Decoder, 'directory'>, why: string): InputError {
  return new InputError({
    code: 'DROP_UNKNOWN',
    what: `${directory.onnx} ${why}: the chosen blocks cannot be dropped`,
    hint: 'Export the model with a current Optimum (--task text-generation-with-past), or leave that block out of --blocks.',
  })
}
