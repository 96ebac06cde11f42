/** The members of a plan, for a person who is about to sign it. */

import { unopenedInWords } from '../../../protocols/plan/masked-words.ts'
import { type Member, type Plan, sitesOfSmallestGroup } from '../../../protocols/plan/plan.ts'
import { peerIdText, shown } from '../../../protocols/plan/site-name.ts'
import { equalBytes } from '../../../protocols/wire/encoding.ts'
import { warnings } from '../../terminal/look-alike.ts'

/**
 * One line a member, the founder first. Peer ids have one length and stand before the names, so no name can look like
 * anything but a name.
 * @param own - peer id of this site
 */
export function rosterText(plan: Plan, own: Uint8Array): string {
  const { members, offer } = plan
  const isFounder = ({ peer }: Member) => equalBytes(peer, offer.founder)
  const ordered = [...members.filter(isFounder), ...members.filter((member) => !isFounder(member))]
  const unopened = offer.merge === 'pooled' ? unopenedInWords(offer, sitesOfSmallestGroup(plan)) : []
  const line = ({ peer, site }: Member) => `${equalBytes(peer, own) ? '*' : ' '} ${peerIdText(peer)}  ${shown(site)}`
  return [
    `All ${members.length} sites are here. The founder comes first, * is this site:`,
    ...ordered.map(line),
    ...warnings(ordered),
    'A name proves nothing, a peer id does: ask the other sites for theirs, by telephone for example, and compare.',
    ...unopened,
  ].join('\n')
}
