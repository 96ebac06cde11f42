/** The forecast of `coppice peer`. */
import { asModelName } from '../../../protocols/plan/offer.ts'
import type { Run } from '../../command.ts'
import { readModel } from '../../common/base-model.ts'
import { forecast } from '../../forecast/forecast.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { plannedSite } from '../../forecast/site.ts'
import { withModel } from '../../hub/given.ts'
import { planFor } from '../../options/plan.ts'
import { windowFor } from '../../options/site.ts'
import type { PeerOptions } from './options.ts'

export async function forecastPeer(asked: PeerOptions, run: Run): Promise<ForecastReport> {
  const options = await withModel(asked, run)
  const { capacity, members, windows } = options
  return forecast(options, run, async (work) => {
    const model = await readModel(work, options.model)
    const { name, parameters, blocks } = model.description
    const window = windowFor(options.window, model.description)
    const named = { name: asModelName(name), hash: model.hash, parameters, blocks }
    const terms = { ...planFor(options.plan, blocks), model: named, windows, window, members }
    return plannedSite(work, options, { model, terms, capacity })
  })
}
