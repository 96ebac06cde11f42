/** Options of `coppice resume`. */
import { type RawWatch, type WatchOptions, watchOptions } from '../../operate/options.ts'
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import type { RawOutput } from '../../options/output.ts'
import { refuseConflict } from '../../options/values.ts'

export interface ResumeOptions extends SiteOptions {
  /** The first digits of the federation's id; empty: the only one that is unfinished. */
  id: string
  watch: WatchOptions
}

export interface RawResume extends RawSiteOptions, RawWatch, Pick<RawOutput, 'json' | 'json=lines'> {}

/** As many digits as messages show of an id, or more. */
const ID = /^[0-9a-f]{8,64}$/

export function resumeOptions(federation: string | undefined, raw: RawResume): ResumeOptions {
  const watch = watchOptions(raw)
  if (federation === undefined || ID.test(federation)) return { ...siteOptions(raw), id: federation ?? '', watch }
  if (raw.data !== undefined)
    refuseConflict(`${federation} and --data name two data directories`, 'Give one of the two.')
  return { ...siteOptions({ data: federation }), id: '', watch }
}
