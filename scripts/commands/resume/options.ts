/** Options of `coppice resume`. */
import { type RawWatch, type WatchOptions, watchOptions } from '../../operate/options.ts'
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import type { RawOutput } from '../../options/output.ts'
import { type PageOptions, pageOption, type RawPage } from '../../options/page.ts'
import { refuseConflict } from '../../options/values.ts'

/** A federation that a site keeps. */
export interface KeptOptions extends SiteOptions {
  /** The first digits of the federation's id; empty: the only one that is unfinished. */
  id: string
}

export interface ResumeOptions extends KeptOptions, PageOptions {
  watch: WatchOptions
}

export interface RawResume extends RawSiteOptions, RawWatch, RawPage, Pick<RawOutput, 'json' | 'json=lines'> {}

/** As many digits as messages show of an id, or more. */
const ID = /^[0-9a-f]{8,64}$/

export function resumeOptions(federation: string | undefined, raw: RawResume): ResumeOptions {
  return { ...keptOptions(federation, raw), ...pageOption(raw), watch: watchOptions(raw) }
}

/** @param federation - the first digits of its id, or the data directory that it is in */
export function keptOptions(federation: string | undefined, raw: RawSiteOptions): KeptOptions {
  if (federation === undefined || ID.test(federation)) return { ...siteOptions(raw), id: federation ?? '' }
  if (raw.data !== undefined)
    refuseConflict(`${federation} and --data name two data directories`, 'Give one of the two.')
  return { ...siteOptions({ data: federation }), id: '' }
}
