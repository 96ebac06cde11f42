/**
 * Messages that may be longer than a frame, for founding and anti-entropy: a frame with the length (u32,
 * little-endian), then the bytes in frames of MAX_FRAME_BYTES, all full but the last. Each protocol has a longest
 * message, which the reader knows before it allocates.
 */
import { MAX_FRAME_BYTES } from './constants.ts'
import { CutShortError, MalformedError, OversizeError } from './errors.ts'
import type { FrameStream } from './frames.ts'

const LENGTH_BYTES = 4

export async function writeMessage(frames: FrameStream, bytes: Uint8Array): Promise<void> {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, bytes.byteLength, true)
  await frames.write(length)
  for (let at = 0; at < bytes.byteLength; at += MAX_FRAME_BYTES) {
    await frames.write(bytes.subarray(at, at + MAX_FRAME_BYTES))
  }
}

/**
 * Reads a message; null if the stream ended before one.
 * @param moved - called for every frame, as a sign of progress
 * @throws {OversizeError} before anything is allocated
 * @throws {CutShortError}
 * @throws {MalformedError}
 */
export async function readMessage(
  frames: FrameStream,
  maxBytes: number,
  moved: () => void = () => {},
): Promise<Uint8Array | null> {
  const head = await frames.read()
  if (head === null) return null
  if (head.byteLength !== LENGTH_BYTES) throw new MalformedError(`a message length of ${head.byteLength} bytes`)
  const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true)
  if (length > maxBytes) throw new OversizeError(length, maxBytes)
  moved()
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const frame = await frames.expect('the rest of a message')
    const wanted = Math.min(MAX_FRAME_BYTES, length - at)
    if (frame.byteLength !== wanted) throw new MalformedError(`a frame of ${frame.byteLength} bytes, not ${wanted}`)
    bytes.set(frame, at)
    at += wanted
    moved()
  }
  return bytes
}

/** Reads a message like readMessage, but one must come. */
export async function expectMessage(
  frames: FrameStream,
  maxBytes: number,
  what: string,
  moved?: () => void,
): Promise<Uint8Array> {
  const bytes = await readMessage(frames, maxBytes, moved)
  if (bytes === null) throw new CutShortError(what)
  return bytes
}
