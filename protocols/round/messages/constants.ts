/** Limits and waits of the round. Values on which all peers must agree are in the plan instead. */

/**
 * The largest gossip message. Gossip carries hashes and votes only: one oversized message would silence a link. The
 * largest message is evidence.
 */
export const MAX_GOSSIP_BYTES = 1024
/** The largest commit list. An entry has about 45 bytes; MAX_BLOCKS of them fit. */
export const MAX_COMMIT_LIST_BYTES = 64 * 1024
/** The largest value. An entry has at most 48 bytes; MAX_MEMBERS times MAX_BLOCKS of them fit. */
export const MAX_VALUE_BYTES = 4 * 1024 * 1024
/** The largest certificate: a value and a signature of about 70 bytes for each of MAX_MEMBERS. */
export const MAX_CERTIFICATE_BYTES = MAX_VALUE_BYTES + 8 * 1024
/** The most bytes of a value's entry, with its member, block and round as large as they may be: 43. */
export const MAX_ENTRY_BYTES = 48
/** The most bytes of a signature in a certificate, with its member: 69. */
export const MAX_SIGNATURE_ENTRY_BYTES = 72
/** The most bytes of all else in a value, the excluded members apart, and of all else in a certificate. */
export const MAX_HEAD_BYTES = 512

/** The time between two status messages of a peer. It is also the unit in which the machine counts minutes. */
export const STATUS_INTERVAL_MS = 10_000
/**
 * Up to this many members each sends a status an interval. Above, each sends one in as many intervals as that takes for
 * the federation to take no more in: all hear all, so their work would grow with the square of the members. 64 members
 * send one in 160 s, so that silence is noticed.
 */
const UNPACED_MEMBERS = 16
/** The number of intervals in which a member sends one status. */
export function paced(members: number): number {
  return Math.max(1, Math.ceil((members / UNPACED_MEMBERS) ** 2))
}
/** 10 minutes: a peer that hears fewer than a quorum for this long gives up. A rejoining link takes far less. */
export const SILENCE_TICKS = 60
/**
 * Status intervals, as many as SILENCE_TICKS, without a new contribution after a quorum has committed: then the peer
 * stops waiting.
 */
export const STALL_TICKS = 60
/** A step waits this long times (attempt + 1): ten times the time in which a vote reaches everybody over slow links. */
export const STEP_TIMEOUT_MS = 10_000
/** 10 s * (1 + ... + 20) = 35 minutes a step: a network that has not agreed by then will not agree. */
export const MAX_ATTEMPTS = 20
/** The shortest wait for stragglers after a quorum has committed. */
export const MIN_WAIT_MS = 30_000
/** The factor of the wait in the last round: a contribution that is late there has no next round to enter. */
export const LAST_ROUND_WAIT_FACTOR = 4
/**
 * Certified rounds without a contribution after which a member is not waited for. One or two are a slow site's; a site
 * that misses three has most likely gone, and costs at most this many waits.
 */
export const SUSPENSION_ROUNDS = 3
/**
 * Status intervals without a word of a member after which nobody waits for it to propose: the shortest wait for
 * stragglers. A member that has gone then costs its wait, and not a timeout besides.
 */
export const PROPOSER_SILENCE_TICKS = MIN_WAIT_MS / STATUS_INTERVAL_MS
/** Proposers whose merges would all harm a member before it gives up: one or two may be liars, or have an odd text. */
export const MIN_HARMED_PROPOSERS = 3
/** A peer serves after the last certificate until nobody has asked for this long. */
export const SERVE_IDLE_MS = 60_000
/**
 * The time that a peer stays after everybody has announced the last certificate, so that the last announcement is
 * passed on.
 */
export const LINGER_MS = 1_000
