/** Name and limits of the greeting. */

export const HELLO_PROTOCOL = '/coppice/hello/1'
/** The longest greeting: three hashes, two numbers and their names take about 170 bytes. */
export const MAX_HELLO_BYTES = 512
/** One greeting each way of a connection, and one that is repeated. */
export const MAX_HELLO_STREAMS = 4
/** The time for an answer: a round trip, and machines that prune are slow. */
export const HELLO_TIMEOUT_MS = 10_000
/** A member that has not got all signatures yet says `not-ready`; it is greeted again after this. */
export const HELLO_RETRY_MS = 500
