/** Options of `coppice plan`. */
import { type Invitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { refuseMissing } from '../../options/values.ts'

export interface ShowPlanOptions {
  invitation: Invitation
  /** As of the other commands that dial. */
  proxy: string | null
}

export function showPlanOptions(address: string | undefined, proxy: string | null): ShowPlanOptions {
  if (address === undefined) refuseMissing('the address', 'plan', 'Give the whole line that the founder printed.')
  return { invitation: parseInvitation(address), proxy }
}
