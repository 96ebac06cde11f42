/** Options of `coppice doctor`. */
import { type Invitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { type RawSiteOptions, type SiteOptions, siteOptions } from '../../options/data.ts'
import { type NetworkOptions, networkOptions, type RawNetwork } from '../../options/network.ts'
import {
  type ModelOptions,
  modelOptions,
  type RawSite,
  type TextOptions,
  textOptions,
  type WindowOptions,
  windowOptions,
} from '../../options/site.ts'

export interface DoctorOptions extends ModelOptions, TextOptions, WindowOptions, NetworkOptions {
  /** null: none is checked. */
  invitation: Invitation | null
  data: SiteOptions['data']
}

export interface RawDoctor extends RawSite, RawNetwork, RawSiteOptions {
  json?: boolean
}

export function doctorOptions(line: string | undefined, raw: RawDoctor): DoctorOptions {
  return {
    invitation: line === undefined ? null : parseInvitation(line),
    data: siteOptions(raw).data,
    ...modelOptions(raw),
    ...textOptions(raw, 'doctor', false),
    ...windowOptions(raw),
    ...networkOptions(raw),
  }
}
