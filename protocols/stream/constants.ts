/** Limits of every stream, for all protocols. */

/** With its length prefix (at most 3 bytes) and yamux's header a frame still fits one yamux message of 64 KiB. */
export const MAX_FRAME_BYTES = 63 * 1024
/** A reader that lags by this much pauses its stream: four frames, so that a fast sender is not slowed. */
export const READ_AHEAD_BYTES = 4 * MAX_FRAME_BYTES
