/** The method of a federation: a pruner and its target, or the removal of structures. */

/** The structures that a federation removes, and the training afterwards. */
export interface StructuredTarget {
  kind: 'structured'
  /** Share of the places of each structure, in parts per million. */
  ppm: number
  /** The first block, and the block behind the last one. */
  from: number
  to: number
  /** Training steps of a site in a round; the first round has none. */
  steps: number
}

/** The share of zeros asked for: in parts per million, or n zeros among every m consecutive columns of a row. */
export type SparsityTarget = { kind: 'unstructured'; ppm: number } | { kind: 'pattern'; n: number; m: number }

export const PRUNERS = ['sparsegpt', 'wanda', 'magnitude'] as const
export type PrunerName = (typeof PRUNERS)[number]

/** The method that a federation agrees on: a pruner that one site can also run alone, or the removal of structures. */
export type Method = SparseMethod | StructuredMethod

export interface SparseMethod {
  pruner: PrunerName
  target: SparsityTarget
}

/** Removes heads and channels (LLM-Pruner) in the first round, and trains in later ones. */
export interface StructuredMethod {
  pruner: 'llm-pruner'
  target: StructuredTarget
}

export function isStructuredMethod(method: Method): method is StructuredMethod {
  return method.pruner === 'llm-pruner'
}

/** The payload of a contribution. The pruner decides it: `weights` for sparsegpt, else `statistics`. */
export type PayloadKind = 'statistics' | 'weights'

export function payloadOf(pruner: PrunerName): PayloadKind {
  return pruner === 'sparsegpt' ? 'weights' : 'statistics'
}
