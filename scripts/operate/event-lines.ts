/** The events of a peer as programs read them: plain data, names in place of bytes. */
import type { PeerEvent } from '../../peers/round/events.ts'
import type { Member, Plan } from '../../protocols/plan/plan.ts'
import { peerIdText, type SiteLabel } from '../../protocols/plan/site-name.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { planReport } from '../report/federation.ts'
import { reportedPhase } from '../report/rounds.ts'
import type { EventLine } from './event-schema.ts'

/** The line of an event. */
export function eventLine(event: PeerEvent): EventLine {
  switch (event.type) {
    case 'retrying':
      return { event: event.type, address: event.address, patienceMs: event.patienceMs }
    case 'listening':
      return { event: event.type, addresses: event.addresses }
    case 'invitation':
      return { event: event.type, line: event.line }
    case 'waiting':
      return { event: event.type, sites: event.sites.map(labelled), members: event.members }
    case 'signing': {
      const { plan, signed } = event
      const [missing, here] = [false, true].map((wanted) =>
        plan.members.filter(({ index }) => signed.includes(index) === wanted),
      )
      return { event: event.type, signed: here.map(labelled), missing: missing.map(labelled) }
    }
    case 'founded':
      return { event: event.type, ...federationOf(event) }
    case 'goingOn':
      return { event: event.type, ...federationOf(event), round: event.round }
    case 'abstains':
      return { event: event.type, refused: event.refused, until: event.until }
    case 'neighbours':
      return { event: event.type, connected: event.connected, members: event.members }
    case 'step':
      return { event: event.type, round: event.round, attempt: event.attempt, step: event.step }
    case 'standing': {
      const { standing, until } = event.look()
      const { awaited, needed, round, sent } = standing
      return { event: event.type, round, sent, awaited, needed, until: until === null ? null : Math.round(until) }
    }
    case 'prune':
      return { event: event.type, round: event.round, done: event.done, total: event.total }
    case 'contributions':
      return { event: event.type, round: event.round, held: event.valid, known: event.known }
    case 'announced': {
      const contributions = event.list.map(({ block, bytes, root: hash }) => ({ block, hash, bytes }))
      return { event: event.type, round: event.round, contributions }
    }
    case 'lacks':
      return {
        event: event.type,
        certificate: event.certificate,
        member: event.author,
        block: event.block,
        hash: event.id,
      }
    case 'sent':
      return { event: event.type, round: event.round, member: event.member }
    case 'offers':
      return { event: event.type, round: event.round, member: event.member, bytes: event.bytes }
    case 'proposed':
      return { event: event.type, round: event.round, attempt: event.attempt, member: event.member }
    case 'round': {
      const { bits, certificate, contributions, masked, moved, round, traffic, uncovered, value } = event.round
      return {
        event: event.type,
        ...{ round, certificate, root: value.merged, contributions, uncovered, maskChange: moved / bits },
        ...reportedPhase(masked),
        ...traffic,
      }
    }
    case 'note':
    case 'warning':
      return { event: event.type, text: event.text }
    case 'writing':
      return { event: event.type, out: event.directory }
    case 'serving':
      return { event: event.type }
  }
}

function labelled({ peer, site }: SiteLabel | Member): { name: string; peer: string } {
  return { name: site, peer: peerIdText(peer) }
}

function federationOf({ out, plan, planId }: { out: string; plan: Plan; planId: string }) {
  const members = plan.members.map(labelled)
  return { federation: planId, out, members, plan: planReport(planId, plan.offer, toHex) }
}
