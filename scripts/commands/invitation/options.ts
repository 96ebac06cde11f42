/** Options of `coppice invitation`. */
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import { refuseConflict } from '../../options/values.ts'

export type InvitationOptions = Pick<SiteOptions, 'data'>

export function invitationOptions(directory: string | undefined, raw: RawSiteOptions): InvitationOptions {
  if (directory !== undefined && raw.data !== undefined)
    refuseConflict(`${directory} and --data name two data directories`, 'Give one of the two.')
  return { data: siteOptions({ data: directory ?? raw.data }).data }
}
