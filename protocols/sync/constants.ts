/** Name and limits of anti-entropy: how often, how much in one exchange, how long. */
import { MAX_CERTIFICATE_BYTES, MAX_GOSSIP_BYTES } from '../round/messages/constants.ts'

export const SYNC_PROTOCOL = '/coppice/sync/1'
/**
 * The average time between two exchanges with a random neighbour: messages that gossip lost are back within a few of
 * them.
 */
export const SYNC_INTERVAL_MS = 5_000
/** The largest random change of the interval, each way, so that peers that started together do not stay in step. */
export const SYNC_JITTER = 0.3
/**
 * Bytes of a message's short id: the first ones of its SHA-256. Two of a few thousand collide with probability 1e-12.
 */
export const MESSAGE_ID_BYTES = 8
/** The most messages: for 64 members their commits of 100 rounds, and the votes of 20 attempts of one round. */
export const MAX_KNOWN_MESSAGES = 16_384
/** Messages in one exchange, each way; the rest comes with the next. */
export const MAX_ENVELOPES = 2_048
/** Envelopes of one wire message: it stays within a few frames. */
export const ENVELOPES_PER_BATCH = 128
/** Certificates in one exchange; who is further behind asks again. */
export const MAX_CERTIFICATES = 32
/** The longest message of this protocol: a certificate. */
export const MAX_SYNC_BYTES = Math.max(MAX_CERTIFICATE_BYTES, ENVELOPES_PER_BATCH * (MAX_GOSSIP_BYTES + 3)) + 1024
/** An exchange ends after this long without progress. */
export const SYNC_TIMEOUT_MS = 10_000
/** One exchange each way, and one that is about to end. */
export const MAX_SYNC_STREAMS = 4
