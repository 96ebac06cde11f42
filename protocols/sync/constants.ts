/** Name and limits of anti-entropy: how often, how much in one exchange, how long. */
import { MAX_CERTIFICATE_BYTES, MAX_GOSSIP_BYTES } from '../round/messages/constants.ts'

export const SYNC_PROTOCOL = '/coppice/sync/1'
/** With a random neighbour, this often on average: what gossip lost is back within a few times this. */
export const SYNC_INTERVAL_MS = 5_000
/** Of the interval, each way: peers that started together do not stay in step. */
export const SYNC_JITTER = 0.3
/** A message's short name: the first bytes of its SHA-256. Two of a few thousand collide with probability 1e-12. */
export const MESSAGE_ID_BYTES = 8
/** Messages of 64 members: their commits of 100 rounds and the votes of 20 attempts of one. */
export const MAX_KNOWN_MESSAGES = 16_384
/** Messages in one exchange, each way; the rest comes with the next. */
export const MAX_ENVELOPES = 2_048
/** Envelopes of one wire message: it stays within a few frames. */
export const ENVELOPES_PER_BATCH = 128
/** Certificates in one exchange; who is further behind asks again. */
export const MAX_CERTIFICATES = 32
/** The longest message of this protocol: a certificate. */
export const MAX_SYNC_BYTES = Math.max(MAX_CERTIFICATE_BYTES, ENVELOPES_PER_BATCH * (MAX_GOSSIP_BYTES + 3)) + 1024
/** No progress for so long ends an exchange. */
export const SYNC_TIMEOUT_MS = 10_000
/** One exchange each way, and one that is about to end. */
export const MAX_SYNC_STREAMS = 4
