/** The protocol of a plan in sentences, as it stands beside the numbers that depend on it. */
import { shown } from '../../../protocols/plan/site-name.ts'
import { counted, grouped, percent } from '../../terminal/numbers.ts'
import type { PlanReport } from '../federation.ts'
import type { Fact } from '../html/page.ts'

/** The number of windows on which a site calibrates. */
export function calibrationWords({ windows, window }: Pick<PlanReport, 'windows' | 'window'>): string {
  return `Each site calibrates on ${counted(windows, 'window')} of ${grouped(window)} tokens of its own text.`
}

export function planSources(plan: PlanReport): Fact[] {
  return [
    ['Base model', `${shown(plan.model.name)}, ${grouped(plan.model.parameters)} parameters, hash ${plan.model.hash}`],
    ['Plan', `${methodWords(plan)}; merge ${plan.merge}, ${plan.masked ? 'masked: only sums are seen' : 'open'}`],
    ['Federation', plan.id],
  ]
}

const PRUNERS: Readonly<Record<PlanReport['pruner'], string>> = {
  sparsegpt: 'SparseGPT',
  wanda: 'Wanda',
  magnitude: 'Magnitude',
  'llm-pruner': 'LLM-Pruner',
}

export function methodWords({ pruner, sparsity, pattern, structures }: PlanReport): string {
  if (structures !== undefined) {
    const [from, to] = structures.blocks
    return `${PRUNERS[pruner]} removes ${percent(structures.ratio)} of heads and channels of blocks ${from} to ${to - 1}`
  }
  return `${PRUNERS[pruner]}, ${pattern === null ? `${percent(sparsity ?? 0)} zeros` : `pattern ${pattern}`}`
}
