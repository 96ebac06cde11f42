/** Options of `coppice resume`. */
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import { type PageOptions, pageOption, type RawPage } from '../../options/page.ts'
import { refuseConflict } from '../../options/values.ts'

export interface ResumeOptions extends SiteOptions, PageOptions {
  /** The first digits of the federation's id; empty: the only one that is unfinished. */
  id: string
}

export interface RawResume extends RawSiteOptions, RawPage {
  json?: boolean
}

/** As many digits as messages show of an id, or more. */
const ID = /^[0-9a-f]{8,64}$/

export function resumeOptions(federation: string | undefined, raw: RawResume): ResumeOptions {
  const page = pageOption(raw)
  if (federation === undefined || ID.test(federation)) return { ...siteOptions(raw), ...page, id: federation ?? '' }
  if (raw.data !== undefined)
    refuseConflict(`${federation} and --data name two data directories`, 'Give one of the two.')
  return { ...siteOptions({ data: federation }), ...page, id: '' }
}
