/** Options of `coppice plan`. */
import { type Invitation, parseInvitation } from '../../../protocols/plan/invitation.ts'
import { refuseMissing } from '../../options/values.ts'

export interface ShowPlanOptions {
  invitation: Invitation
}

export function showPlanOptions(address: string | undefined): ShowPlanOptions {
  if (address === undefined) refuseMissing('the address', 'plan', 'Give the whole line that the founder printed.')
  return { invitation: parseInvitation(address) }
}
