/** Limits and waits of the round. Everything that a peer must agree on with others is in the plan instead. */

/** Gossip carries hashes and votes only: one oversized message would silence a link. The largest is evidence. */
export const MAX_GOSSIP_BYTES = 1024
/** An entry has about 45 bytes; MAX_BLOCKS of them fit. */
export const MAX_COMMIT_LIST_BYTES = 64 * 1024
/** An entry has at most 48 bytes; MAX_MEMBERS times MAX_BLOCKS of them fit. */
export const MAX_VALUE_BYTES = 4 * 1024 * 1024
/** A value and a signature of about 70 bytes for each of MAX_MEMBERS. */
export const MAX_CERTIFICATE_BYTES = MAX_VALUE_BYTES + 8 * 1024

/** So often a peer says where it stands; also the grain in which the machine counts minutes. */
export const STATUS_INTERVAL_MS = 10_000
/** 10 minutes: who hears fewer than a quorum for so long gives up. Far beyond what a rejoining link takes. */
export const SILENCE_TICKS = 60
/** As long as silence: contributions of a quorum that is known have not moved for so long. */
export const STALL_TICKS = 60
/** A step waits this long times (attempt + 1): ten times what a vote takes to reach everybody over slow links. */
export const STEP_TIMEOUT_MS = 10_000
/** 10 s * (1 + ... + 20) = 35 minutes a step: a network in which nothing was agreed by then will not agree. */
export const MAX_ATTEMPTS = 20
/** The shortest wait for stragglers after a quorum has committed. */
export const MIN_WAIT_MS = 30_000
/** In the last round a contribution that comes late has no next round to enter. */
export const LAST_ROUND_WAIT_FACTOR = 4
/** After the last certificate a peer serves until nobody has asked for so long. */
export const SERVE_IDLE_MS = 60_000
/** Everybody has announced the last certificate: so long until the last announcement has been passed on. */
export const LINGER_MS = 1_000
