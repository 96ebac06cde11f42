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
/**
 * The time for a first message, an offer, or the answer to an acceptance: a round trip or two, through a few
 * neighbours.
 */
export const ANSWER_TIMEOUT_MS = 10_000
/**
 * The time from the plan to n signatures if nobody is asked: each takes one round trip. Later ones are from lost
 * members.
 */
export const SIGNING_TIMEOUT_MS = 60_000
/** The same if a person is asked: time to be called, to read, and to compare peer ids on the telephone. */
export const ASKED_SIGNING_TIMEOUT_MS = 15 * 60_000
/** A member gives up a little after the founder, so that it hears why. */
export const MEMBER_PATIENCE_MS = 15_000
/** The interval at which waiting members hear who has joined, even without changes, so that a dead link shows. */
export const WAITING_INTERVAL_MS = 20_000
/** After this long without a message the founder, or a neighbour on the way, counts as lost. */
export const WAITING_TIMEOUT_MS = 3 * WAITING_INTERVAL_MS

/** The time from the plan to n signatures. @param asks - whether a person is asked at any site */
export function signingTimeoutMs(asks: boolean): number {
  return asks ? ASKED_SIGNING_TIMEOUT_MS : SIGNING_TIMEOUT_MS
}
