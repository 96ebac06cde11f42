/** The forecast of one site of a federation: as a founder, or as it joins. */
import { mergingOf, type Offer } from '../../protocols/plan/offer.ts'
import { type BaseModel, structuredOf } from '../common/base-model.ts'
import { baseFacts } from '../common/block-matrices.ts'
import { notCopied } from '../common/companions.ts'
import type { EngineRun } from '../common/engine.ts'
import { planText } from '../common/site/site.ts'
import { type SiteTextOptions, siteText } from '../common/site/site-text.ts'
import { memberWork } from '../progress/federation-work.ts'
import { assumedPlan, federationDisk, memberSends, pacedBy, peersMemory } from './federation.ts'
import type { Planned } from './forecast.ts'
import { streamBytes } from './need.ts'

interface PlannedSite {
  model: BaseModel
  terms: Omit<Offer, 'version' | 'founder' | 'nonce'>
  /** In ppm; null: as the plan says. */
  capacity: number | null
}

/** @throws as a site that takes part does, before it is asked whether it will */
export async function plannedSite(
  work: EngineRun,
  options: SiteTextOptions,
  { capacity, model, terms }: PlannedSite,
): Promise<Planned> {
  const { description, dir } = model
  const { members, method, sample, window, windows } = terms
  await notCopied(work, dir)
  const text = await siteText(work, options, { windows, window, limits: description })
  const structured = await structuredOf(work, dir, method)
  const base = await baseFacts(work, model, method)
  const capacities = Array.from({ length: members }, (_, member) => (member === 0 ? (capacity ?? sample) : sample))
  const plan = assumedPlan(terms, capacities)
  const contributing = { description, method, merging: mergingOf(plan.offer), structured }
  const texts = [text.calibration, ...text.evaluated.map(({ windows }) => windows)]
  return {
    words: [planText(terms, capacity, base)],
    dir,
    description,
    ...pacedBy(plan),
    rests: false,
    windows: text.calibration,
    work: (size) => memberWork(size, plan, 0, text),
    moreMemory: ({ tokens }) =>
      streamBytes(description, texts) -
      streamBytes(description, [{ count: 1, length: tokens }]) +
      peersMemory(plan, contributing, 1),
    disk: federationDisk(plan, contributing, 1),
    sentBytes: memberSends(plan, contributing, 0),
  }
}
