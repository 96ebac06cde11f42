/** Options of `coppice status`. */
import type { RawSiteOptions } from '../../options/data.ts'
import type { RawOutput } from '../../options/output.ts'
import { type KeptOptions, keptOptions } from '../resume/options.ts'

export interface StatusOptions extends KeptOptions {
  json: boolean
  /** Whether it shows the status again and again. */
  watch: boolean
}

export interface RawStatus extends RawSiteOptions, Pick<RawOutput, 'json'> {
  watch?: boolean
}

/** The federation is named as for `resume`. */
export function statusOptions(federation: string | undefined, raw: RawStatus): StatusOptions {
  return { ...keptOptions(federation, raw), json: raw.json === true, watch: raw.watch === true }
}
