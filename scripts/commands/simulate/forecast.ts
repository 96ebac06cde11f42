/** The forecast of `coppice simulate`. */

import { asModelName, mergingOf } from '../../../protocols/plan/offer.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import type { Run } from '../../command.ts'
import { readModel, structuredOf } from '../../common/base-model.ts'
import { baseFacts } from '../../common/block-matrices.ts'
import { notCopied } from '../../common/companions.ts'
import { assumedPlan, federationDisk, memberSends, pacedBy, peersMemory } from '../../forecast/federation.ts'
import { forecast } from '../../forecast/forecast.ts'
import { streamBytes } from '../../forecast/need.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { planFor } from '../../options/plan.ts'
import { expectedWork } from './expected-work.ts'
import type { SimulateOptions } from './options.ts'
import { prepareSites } from './sites.ts'
import { introduction } from './words.ts'

export function forecastSimulate(given: SimulateOptions, run: Run): Promise<ForecastReport> {
  return forecast(given, run, async (work) => {
    const { description, hash } = await readModel(work, given.model)
    const options = { ...given, plan: planFor(given.plan, description.blocks), processes: false }
    const { method } = options.plan
    await notCopied(work, options.model)
    const { window, sites, evaluated } = await prepareSites(work, options, description)
    const base = await baseFacts(work, { dir: options.model, description }, method)
    const structured = await structuredOf(work, options.model, method)
    const { name, parameters, blocks } = description
    const model = { name: asModelName(name), hash, parameters, blocks }
    const terms = { ...options.plan, model, windows: options.windows, window, members: options.peers }
    const plan = assumedPlan(
      terms,
      sites.map(({ capacity }) => capacity),
    )
    const contributing = { description, method, merging: mergingOf(plan.offer), structured }
    const texts = [...sites.map(({ windows }) => windows), ...evaluated.map(({ windows }) => windows)]
    const sends = sites.map((_, member) => memberSends(plan, contributing, member))
    return {
      words: [introduction(planInWords(plan.offer, undefined, base), method)],
      dir: options.model,
      description,
      ...pacedBy(plan),
      rests: false,
      windows: sites[0].windows,
      work: (size) => expectedWork(size, { options, method, plan, sites, evaluated }),
      moreMemory: ({ tokens }) =>
        streamBytes(description, texts) -
        streamBytes(description, [{ count: 1, length: tokens }]) +
        peersMemory(plan, contributing, sites.length),
      disk: federationDisk(plan, contributing, sites.length),
      sentBytes: sends.reduce((sum, bytes) => sum + bytes, 0),
    }
  })
}
