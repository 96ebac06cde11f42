/** How the contributions of members become one model. */
import type { Method } from './method.ts'

/**
 * `l0`: each member has a vote on each weight. `trimmed`: so, without the values farthest off. `pooled`: what all texts
 * together show decides, as if they lay in one place.
 */
export const MERGE_RULES = ['l0', 'trimmed', 'pooled'] as const
export type MergeRule = (typeof MERGE_RULES)[number]

export interface Merging {
  rule: MergeRule
  /** The number of members on the roster. */
  members: number
  /** The liars that the rule withstands; 0 unless it is `trimmed`. */
  faults: number
  /** Whether contributions are masked vectors, of which nobody sees more than sums. */
  masked: boolean
}

/** One member's contributions become a block by themselves. */
export const ALONE: Merging = { rule: 'l0', members: 1, faults: 0, masked: false }

/** Whether members offer second moments: then each block is offered twice, its mean squares first. */
export function poolsMoments({ pruner }: Pick<Method, 'pruner'>, { rule }: Pick<Merging, 'rule'>): boolean {
  return rule === 'pooled' && pruner === 'sparsegpt'
}
