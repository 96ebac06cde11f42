/** Name and limits of the blob protocol: frames, streams, patience. */

import { MAX_FRAME_BYTES } from '../stream/constants.ts'
import { HASH_BYTES } from '../wire/encoding.ts'

/** A number at the end: a change of any byte on the wire raises it. */
export const BLOB_PROTOCOL = '/coppice/blob/1'
/** Flags, id, first chunk, number of chunks. */
export const REQUEST_BYTES = 1 + HASH_BYTES + 4 + 4
/** Status, and the blob's length where it is held. */
export const MAX_ANSWER_BYTES = 1 + 8
/** Whole hashes in a frame: 2,016. */
export const HASHES_PER_FRAME = Math.floor(MAX_FRAME_BYTES / HASH_BYTES)
/** Chunks of one stream: 16 MiB, so that opening streams costs nothing and one that breaks costs little. */
export const MAX_CHUNKS_PER_REQUEST = 16
/** The server reads and sends one chunk at a time for each stream: 32 MiB of memory at most. */
export const MAX_SERVED_STREAMS = 32
/** Streams of one neighbour, each way: it keeps the link busy and leaves the server to others. */
export const MAX_STREAMS_PER_PEER = 4
/** Streams of one fetcher to all neighbours. */
export const MAX_FETCH_STREAMS = 16
/** Until the first frame, and from frame to frame: 5 s without progress is a dead neighbour; another one is asked. */
export const PROGRESS_TIMEOUT_MS = 5_000
/** The server is more patient with a slow reader than a reader with a slow server. */
export const SERVE_TIMEOUT_MS = 15_000
/** All neighbours have said "not yet": ask again after this, twice as long each time, up to the next figure. */
export const RETRY_MS = 200
export const MAX_RETRY_MS = 4_000
/** A neighbour that failed is left alone for so long, twice as long each time, up to the next figure. */
export const COOL_DOWN_MS = 500
export const MAX_COOL_DOWN_MS = 20_000
