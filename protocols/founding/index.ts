/**
 * Founding: n peers become the members of one plan. The founder is a mailbox: it hands out the offer, gathers
 * acceptances, puts them in order and passes signatures around. It can withhold, but not choose what is signed: every
 * member checks offer, acceptances and signatures itself. The joiner opens a stream and speaks first. One that cannot
 * reach the founder reaches a neighbour that passes its stream on (founding/relay.ts). A message has at most
 * MAX_FOUNDING_BYTES, and constants.ts says how long each side waits.
 *
 * @example
 * const founding = foundingServer({ offer, secret, own, addresses, asks, sign, keep, clock, onWaiting })
 * await node.handle(FOUNDING_PROTOCOL, founding.handle, MAX_FOUNDING_STREAMS)
 * const { plan, signatures, addresses } = await founding.founded(signal)
 * await node.handle(FOUNDING_PROTOCOL, foundedServer({ plan, signatures, addresses, clock }), MAX_FOUNDING_STREAMS)
 *
 * // elsewhere
 * const { offer } = await fetchOffer(invitation.offer, components)
 * const { plan, signatures, addresses } = await joinFounding({ offer, secret, acceptance, ... }, components)
 */
import type { Connection, Stream } from '@libp2p/interface'
import type { Plan, PlanSignature } from '../plan/plan.ts'
import type { SiteLabel } from '../plan/site-name.ts'
import type { Clock } from '../stream/time.ts'
import type { MemberAddresses } from './messages.ts'

/** A plan that all members have signed. */
export interface Founded {
  plan: Plan
  /** In the roster's order. */
  signatures: Uint8Array[]
  addresses: MemberAddresses[]
}

/**
 * Signs a plan, durably and at most one an offer; null: this site declines. The signal aborts if the founding has
 * ended, so that nobody needs to answer any more.
 */
export type PlanSigner = (plan: Plan, signal: AbortSignal) => Promise<PlanSignature | null>

/** The news of other sites, while a site waits for all to sign. */
export interface FoundingWatcher {
  /** Somebody has joined or left. The founder comes first. */
  onWaiting?(sites: SiteLabel[], members: number): void
  /** Indices in the roster of those who have signed. */
  onSigning?(plan: Plan, signed: number[]): void
}

export type StreamHandler = (stream: Stream, connection: Connection) => Promise<void>

export interface FoundingComponents {
  /** Opens a stream of the founding protocol to the founder, or to the neighbour that passes it on. */
  open(signal: AbortSignal): Promise<Stream>
  clock: Clock
  signal: AbortSignal
}

export { type FetchedOffer, fetchOffer, joinFounding } from './client.ts'
export { FOUNDING_PROTOCOL, MAX_ADDRESSES, MAX_FOUNDING_STREAMS } from './constants.ts'
export { declinedHere } from './errors.ts'
export { foundedServer } from './founded.ts'
export type { MemberAddresses } from './messages.ts'
export { foundingRelay } from './relay.ts'
export { type FoundingServer, foundingServer } from './server.ts'
