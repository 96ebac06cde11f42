/**
 * Makes the graph to compute from the graph of a file. The file's graph stays unchanged, for writing. The new graph is
 * a copy in plainer terms, and no pass changes its results: no branches, nodes in order, float32 throughout, and the
 * residual stream as one value between blocks. Both hold weights by reference, and `stored` maps those of the copy to
 * those of the file.
 */

import { like } from '../graph.ts'
import type { OnnxModel } from '../model.ts'
import { inlineBranches } from './inline-branches.ts'
import { copyNode, type Lowered } from './lowered.ts'
import { plainCache } from './plain-cache.ts'
import { sortNodes } from './sort-nodes.ts'
import { splitSkipNorms } from './split-skip-norms.ts'
import { spreadRotary } from './spread-rotary.ts'
import { widenFp16 } from './widen-fp16.ts'

/**
 * @param continues - which branch of a merged decoder is taken: the one that continues a text
 * @throws {InputError} MODEL_BRANCHES: an If that does not choose by use_cache_branch; MODEL_UNREADABLE: a circle
 */
export function lower(file: OnnxModel, continues = false): Lowered {
  const graph = like(file.graph, { node: [], input: [...file.graph.input], valueInfo: [] })
  const model: OnnxModel = { ...file, graph, initializers: new Map(file.initializers) }
  const lowered: Lowered = { model, stored: new Map(file.initializers), origin: new Map() }
  graph.node = file.graph.node.map((node) => copyNode(lowered, node))
  inlineBranches(lowered, continues)
  sortNodes(lowered)
  widenFp16(lowered)
  splitSkipNorms(lowered)
  plainCache(lowered)
  spreadRotary(lowered)
  const read = new Set(graph.node.flatMap(({ input }) => input))
  graph.input = graph.input.filter(({ name }) => read.has(name))
  return lowered
}
