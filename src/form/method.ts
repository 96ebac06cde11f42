/** What is done to a model: a pruner and its target, or structures that are removed. */

/** What a federation removes, and how it trains afterwards. */
export interface StructuredTarget {
  kind: 'structured'
  /** Share of the places of each structure, in parts per million. */
  ppm: number
  /** First block, and the one behind the last. */
  from: number
  to: number
  /** Of training, a site and round: in all rounds but the first. */
  steps: number
}

/** The share of zeros asked for: in parts per million, or n zeros among every m consecutive columns of a row. */
export type SparsityTarget = { kind: 'unstructured'; ppm: number } | { kind: 'pattern'; n: number; m: number }

export const PRUNERS = ['sparsegpt', 'wanda', 'magnitude'] as const
export type PrunerName = (typeof PRUNERS)[number]

/** What a federation agrees on: a pruner that one site can also run alone, or the removal of whole structures. */
export type Method = SparseMethod | StructuredMethod

export interface SparseMethod {
  pruner: PrunerName
  target: SparsityTarget
}

/** Heads and channels (LLM-Pruner), and in later rounds training. */
export interface StructuredMethod {
  pruner: 'llm-pruner'
  target: StructuredTarget
}

export function isStructuredMethod(method: Method): method is StructuredMethod {
  return method.pruner === 'llm-pruner'
}

/** What a contribution carries; it follows from the pruner (`weights` for sparsegpt, else `statistics`). */
export type PayloadKind = 'statistics' | 'weights'

export function payloadOf(pruner: PrunerName): PayloadKind {
  return pruner === 'sparsegpt' ? 'weights' : 'statistics'
}
