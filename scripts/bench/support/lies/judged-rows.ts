/** Lies where sums decide: what each does to the merged model, and what stops it. */
import { harmLimitOf } from '../../../../protocols/plan/harm-limit.ts'
import { quorumOf } from '../../../../protocols/plan/offer.ts'
import type { Method } from '../../../../src/form/method.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { mean, meanPerplexity } from './mask-lies.ts'
import { MEAN_SQUARE_LIES, type PooledLie, PRODUCT_LIES } from './pooled-lies.ts'
import { type PooledBench, pooledPlan } from './pooled-plan.ts'
import { type Judgement, largestHarm, stoppedBy } from './votes.ts'

export interface JudgedRow {
  name: string
  /** Mean over the texts; null: there is no merge. */
  perplexity: number | null
  /** The largest to an honest site's own text; null: nobody measures it. */
  harm: number | null
  /** The check that stops the lie in an open plan, and in a masked one. undefined: nobody tells it there. */
  open?: string
  masked?: string
}

const PASSES = '**passes**'

/**
 * The check that stops a lie, for a table.
 * @param judgements - of a masked plan. In an open one all totals are possible, of parts that validation accepts.
 * @param refused - by validation, in an open plan
 * @param pools - whether members doubt totals in an open plan as well
 */
export function verdicts(
  judgements: readonly Judgement[],
  refused: string | null,
  { method, sites, pools = false }: { method: Method; sites: readonly Windows[]; pools?: boolean },
): Pick<JudgedRow, 'open' | 'masked' | 'harm'> {
  const [{ count, length }] = sites
  const limit = harmLimitOf({ method, windows: count, window: length })
  const voting = { limit, members: sites.length, quorum: quorumOf(sites.length) }
  const inOpen = judgements.map(({ doubts, harms }) => ({ impossible: null, doubts: pools ? doubts : [], harms }))
  const [open, masked] = [inOpen, judgements].map((those) => stoppedBy(those, voting) ?? PASSES)
  return { open: refused ?? open, masked, harm: largestHarm(judgements) }
}

/** @param bench - with all sites; the first one lies */
export async function* pooledRows(bench: PooledBench): AsyncGenerator<JudgedRow> {
  const measured = async (model: Awaited<ReturnType<typeof pooledPlan>>['model']) =>
    model === null ? null : meanPerplexity(bench, (block) => model[block])
  const alone: number[] = []
  for (const site of bench.sites) {
    const { model } = await pooledPlan({ ...bench, sites: [site] }, null)
    alone.push((await measured(model)) ?? Number.NaN)
  }
  yield { name: 'alone, mean of the four', perplexity: mean(alone), harm: null }
  for (const [name, sites] of [
    ['four honest', bench.sites],
    ['three honest', bench.sites.slice(1)],
  ] as const) {
    const { judgements, model } = await pooledPlan({ ...bench, sites }, null)
    yield { name, perplexity: await measured(model), harm: largestHarm(judgements) }
  }
  const lies: readonly PooledLie[] =
    bench.method.pruner === 'sparsegpt' ? [...MEAN_SQUARE_LIES, ...PRODUCT_LIES] : MEAN_SQUARE_LIES
  for (const lie of lies) {
    const { judgements, model, refused } = await pooledPlan(bench, lie)
    yield {
      name: lie.name,
      perplexity: await measured(model),
      ...verdicts(judgements, refused, { ...bench, pools: true }),
    }
  }
}
