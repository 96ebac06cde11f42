/** Name and limits of the blob protocol: frames, streams, patience. */

import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { HASH_BYTES } from '../wire/encoding.ts'

/** A number at the end: a change of any byte on the wire raises it. */
export const BLOB_PROTOCOL = '/coppice/blob/1'
/** Bytes of a request: flags, id, first chunk, number of chunks. */
export const REQUEST_BYTES = 1 + HASH_BYTES + 4 + 4
/** Bytes of the first answer: status, and the blob's length if it is held. */
export const MAX_ANSWER_BYTES = 1 + 8
/** Whole hashes in a frame: 2,016. */
export const HASHES_PER_FRAME = Math.floor(MAX_FRAME_BYTES / HASH_BYTES)
/** Chunks of one stream: 16 MiB, so that opening streams costs nothing and one that breaks costs little. */
export const MAX_CHUNKS_PER_REQUEST = 16
/** The server reads and sends one chunk at a time for each stream: 32 MiB of memory at most. */
export const MAX_SERVED_STREAMS = 32
/** Streams of one neighbour, each way: it keeps the link busy and leaves the server to others. */
export const MAX_STREAMS_PER_PEER = 4
/**
 * Streams of one fetcher to all neighbours: six windows of 1 MiB fill a line. More would not make busy neighbours
 * faster, only each answer later: with 16, one in thirteen came too late where 64 members are in one process.
 */
export const MAX_FETCH_STREAMS = 6
/** The most time to the first frame, and between two frames. After 5 s without progress another neighbour is asked. */
export const PROGRESS_TIMEOUT_MS = 5_000
/**
 * A server that fetches a blob itself holds a request for it so long before it says "not yet": most neighbours are
 * asked for a blob while it is on its way to them. Below PROGRESS_TIMEOUT_MS by what a late event loop takes to answer.
 */
export const HOLD_MS = 2_000
/**
 * The most time for a frame at the server, which is more patient with a slow reader than a reader with a slow server.
 */
export const SERVE_TIMEOUT_MS = 15_000
/**
 * Neighbours that are asked before the next pause, the likely ones included. Asking takes some milliseconds of both, so
 * of 64 members each must not ask 16 for a blob that only its author has.
 */
export const ASKED_IN_A_TURN = 2
/** The wait after a turn in which all neighbours said "not yet". It doubles each time, up to the next constant. */
export const RETRY_MS = 500
export const MAX_RETRY_MS = 4_000
/** The pause for a neighbour that failed. It doubles each time, up to the next constant. */
export const COOL_DOWN_MS = 500
export const MAX_COOL_DOWN_MS = 20_000
