/** The forecast of `coppice join`: the plan is asked of the founder, with a key that is forgotten. */
import { look } from '../../../peers/network/look.ts'
import type { Run } from '../../command.ts'
import { readModel } from '../../common/base-model.ts'
import { forecast } from '../../forecast/forecast.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { plannedSite } from '../../forecast/site.ts'
import { withModel } from '../../hub/given.ts'
import { assertFits } from './handler.ts'
import type { JoinOptions } from './options.ts'

export async function forecastJoin(asked: JoinOptions, run: Run): Promise<ForecastReport> {
  const options = await withModel(asked, run)
  const { capacity, invitation } = options
  return forecast(options, run, async (work) => {
    run.terminal.progress('Asking the founder for the plan')
    const { offer } = (await look(invitation, options.proxy, run.signal)).offer
    const model = await readModel(work, options.model)
    assertFits(options, offer, model)
    return plannedSite(work, options, { model, terms: offer, capacity })
  })
}
