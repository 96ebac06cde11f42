/** Options of `coppice status`. */
import { type RawResume, type ResumeOptions, resumeOptions } from '../resume/options.ts'

export interface StatusOptions extends ResumeOptions {
  json: boolean
  /** Whether it shows the status again and again. */
  watch: boolean
}

export interface RawStatus extends RawResume {
  watch?: boolean
}

/** The federation is named as for `resume`. */
export function statusOptions(federation: string | undefined, raw: RawStatus): StatusOptions {
  return { ...resumeOptions(federation, raw), json: raw.json === true, watch: raw.watch === true }
}
