/** The sums of a masked plan in words. */
import type { VerifiedSum } from '../../peers/verify/sums.ts'
import type { VectorForm } from '../../src/merge/masked/vector.ts'
import { blocksInWords, counted } from '../terminal/numbers.ts'

export const SUMMED: Record<VectorForm['kind'], string> = {
  meanSquares: 'mean squares',
  products: 'products',
  importances: 'importances',
  adapters: 'adapters',
  votes: 'votes and weights',
}

/** The work of a site for its part of a sum, as a verb of others and of its own. */
export const WORK: Record<VectorForm['kind'], [does: string, doing: string]> = {
  meanSquares: ['measures', 'measuring'],
  products: ['measures', 'measuring'],
  importances: ['measures', 'measuring'],
  adapters: ['trains', 'training'],
  votes: ['prunes', 'pruning'],
}

/** The fate of the blocks of a sum that stays closed. */
export function closedInWords(of: VectorForm['kind']): string {
  return of === 'adapters' ? 'these blocks keep the adapters of before, if any' : 'these blocks keep their base weights'
}

/** A line for all sums of one kind that have the same sites and the same fate. */
export function sumsInWords(sums: readonly VerifiedSum[]): string[] {
  const alike = Map.groupBy(sums, ({ of, sites, state }) => [state, of, sites].join())
  return [...alike.values()].map((group) => {
    const [{ of, sites, state }] = group
    const blocks = blocksInWords([...new Set(group.flatMap((sum) => sum.blocks))].sort((a, b) => a - b))
    const what = `${SUMMED[of]} of ${counted(sites, 'site')}, ${blocks}`
    if (state === 'opened') return `Opened again: the sum of the ${what}.`
    if (state === 'closed')
      return `Never opened: the sum of the ${SUMMED[of]}, ${blocks}. Too few sites had come, so ${closedInWords(of)}.`
    const turns = group.length === 1 ? '' : ` in ${group.length} openings`
    return `Not opened again: the sum of the ${what}${turns}. Newer ones have replaced them, and nobody keeps them.`
  })
}
