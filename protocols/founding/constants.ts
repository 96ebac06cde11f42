/** Name and limits of founding: addresses, messages, streams, patience. */
import { MAX_MEMBERS } from '../plan/offer.ts'
import { MAX_PLAN_BYTES } from '../plan/plan.ts'

export const FOUNDING_PROTOCOL = '/coppice/found/2'
/** A machine has a handful of interfaces; more are a mistake or a list of victims to dial. */
export const MAX_ADDRESSES = 8
/** A DNS name has at most 255 characters; this is one with its protocols and peer id. */
export const MAX_ADDRESS_CHARS = 400
/** The longest message: a plan and the addresses of all its members. */
export const MAX_FOUNDING_BYTES = MAX_PLAN_BYTES + MAX_MEMBERS * (MAX_ADDRESSES * (MAX_ADDRESS_CHARS + 3) + 64) + 1024
/** A neighbour may pass on the founding of every other member, each on two streams. */
export const MAX_FOUNDING_STREAMS = 2 * MAX_MEMBERS
/** First message, offer, answer to an acceptance: a round trip or two, through a few neighbours. */
export const ANSWER_TIMEOUT_MS = 10_000
/** From the plan to n signatures where nobody is asked: each is one round trip. Beyond that somebody has gone. */
export const SIGNING_TIMEOUT_MS = 60_000
/** The same where a person is asked: time to be fetched, to read, and to compare peer ids on the telephone. */
export const ASKED_SIGNING_TIMEOUT_MS = 15 * 60_000
/** A member gives up a little after the founder, so that it hears why. */
export const MEMBER_PATIENCE_MS = 15_000
/** How often a member that waits hears how many have joined, even where nothing changes: a dead link shows. */
export const WAITING_INTERVAL_MS = 20_000
/** No word for so long: the founder or a neighbour on the way is gone. */
export const WAITING_TIMEOUT_MS = 3 * WAITING_INTERVAL_MS

/** From the plan to n signatures. @param asks - whether a person is asked at any site */
export function signingTimeoutMs(asks: boolean): number {
  return asks ? ASKED_SIGNING_TIMEOUT_MS : SIGNING_TIMEOUT_MS
}
