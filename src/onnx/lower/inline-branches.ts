/**
 * If on use_cache_branch -> one of its branches. Merged decoders hold the model twice: `then` continues a past, `else`
 * begins a text. Here every window begins a text, so only code that changes the graph needs `then`.
 */

import { InputError } from '../../base/errors.ts'
import { makeNode } from '../build.ts'
import type { GraphProto, NodeProto } from '../generated/onnx_pb.js'
import { attribute } from '../graph.ts'
import { inlineTensor } from '../inline-tensor.ts'
import type { OnnxModel } from '../model.ts'
import { copyNode, type Lowered } from './lowered.ts'

/** The input that chooses the branch of a merged decoder: false begins a text. */
export const CACHE_SWITCH = 'use_cache_branch'

/** Operators that change the form of a condition, but not its truth. */
const PASSING: ReadonlySet<string> = new Set(['Identity', 'Cast', 'Squeeze', 'Unsqueeze', 'Reshape'])

/** @throws {InputError} MODEL_BRANCHES */
export function inlineBranches(lowered: Lowered, continues: boolean): void {
  const { graph } = lowered.model
  const taken = new Set(lowered.model.initializers.keys())
  for (const { name } of graph.input) taken.add(name)
  for (const node of graph.node) for (const output of node.output) taken.add(output)
  while (graph.node.some(({ opType }) => opType === 'If')) {
    const makers = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
    graph.node = graph.node.flatMap((node) => {
      if (node.opType !== 'If') return node
      const name = truth(node.input[0], makers, lowered.model) ? 'then_branch' : 'else_branch'
      const branch = attribute(node, name)?.g
      if (branch === undefined) throw cannotChoose(lowered.model, node)
      return inlined(lowered, node, branch, taken)
    })
  }

  /** Whether a condition is true at the beginning of a text. */
  function truth(condition: string, makers: ReadonlyMap<string, NodeProto>, model: OnnxModel): boolean {
    if (condition === CACHE_SWITCH) return continues
    const maker = makers.get(condition)
    const content = maker?.opType === 'Constant' ? attribute(maker, 'value')?.t : undefined
    const constant = content ? inlineTensor(content) : model.initializers.get(condition)
    if (constant?.data.kind === 'memory') return constant.data.bytes.some((byte) => byte !== 0)
    if (maker?.opType === 'Not') return !truth(maker.input[0], makers, model)
    if (maker && PASSING.has(maker.opType)) return truth(maker.input[0], makers, model)
    throw cannotChoose(model, makers.get(condition), condition)
  }
}

function cannotChoose({ path }: OnnxModel, node: NodeProto | undefined, condition?: string): InputError {
  return new InputError({
    code: 'MODEL_BRANCHES',
    what: `${path} has an If whose condition${condition ? ` "${condition}"` : ''} (node "${node?.name ?? ''}") is not ${CACHE_SWITCH}`,
    hint: 'Export the model without branches, for example with a current Optimum (--task text-generation-with-past).',
  })
}

/**
 * The nodes of a branch as nodes of the graph around it. Values that the branch makes keep their names unless the graph
 * has them already; its outputs get those of the If.
 */
function inlined(lowered: Lowered, { output }: NodeProto, branch: GraphProto, taken: Set<string>): NodeProto[] {
  const { model, stored } = lowered
  const own = model.subgraphs.get(branch)
  const names = new Map<string, string>()
  const made = new Set(branch.node.flatMap((node) => node.output))
  for (const [k, { name }] of branch.output.entries())
    if (made.has(name) && !names.has(name)) names.set(name, output[k])
  for (const name of [...made, ...(own?.keys() ?? [])]) if (!names.has(name)) names.set(name, unused(name, taken))
  const nameOf = (value: string) => names.get(value) ?? value
  for (const tensor of own?.values() ?? []) {
    const name = nameOf(tensor.name)
    model.initializers.set(name, { ...tensor, name })
    stored.set(name, tensor)
  }
  const nodes = branch.node.map((node) => {
    const copy = copyNode(lowered, node)
    copy.input = copy.input.map(nameOf)
    copy.output = copy.output.map(nameOf)
    return copy
  })
  // An output that comes from outside the branch, or a second one of the same value.
  for (const [k, { name }] of branch.output.entries()) {
    if (nameOf(name) !== output[k]) nodes.push(makeNode('Identity', [nameOf(name)], [output[k]]))
  }
  return nodes
}

function unused(wanted: string, taken: Set<string>): string {
  if (wanted === '') return ''
  let name = wanted
  for (let k = 2; taken.has(name); k++) name = `${wanted}/${k}`
  taken.add(name)
  return name
}
