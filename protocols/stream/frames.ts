/**
 * Frames on a stream: each an unsigned varint length and that many bytes. `decodeFrames` and `encodeFrames` are steps
 * of a pipe; `FrameStream` is the same duplex for a conversation, a frame at a time.
 *
 * @example
 * using frames = new FrameStream(stream, { maxFrameBytes: 37, signal })
 * const request = await frames.read()   // null at the end of the stream
 * await frames.closeRead()              // what else comes is dropped, not queued
 * await frames.write(answer)
 * await frames.close()
 */
import type { Stream } from '@libp2p/interface'
import { decode, encode } from 'it-length-prefixed'
import type { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES } from './constants.ts'
import { type ByteChunk, Duplex, type Source } from './duplex.ts'
import { CutShortError, MalformedError, OversizeError } from './errors.ts'
import type { Deadline } from './time.ts'

/** The varint of a length below 2^21 has at most 3 bytes. */
const MAX_PREFIX_BYTES = 3

/**
 * The frames in what comes.
 * @param maxFrameBytes - longest frame accepted; a longer one is refused before its bytes are waited for
 * @throws {OversizeError} a frame is longer than allowed
 * @throws {MalformedError} a length has more than 3 bytes
 * @throws {CutShortError} the source ended inside a frame
 */
export async function* decodeFrames(
  bytes: Source<Uint8ArrayList>,
  maxFrameBytes: number = MAX_FRAME_BYTES,
): AsyncGenerator<Uint8ArrayList, void> {
  let isInside = false
  const onLength = () => {
    isInside = true
  }
  const onData = () => {
    isInside = false
  }
  const lengthDecoder = lengthDecoderOf(maxFrameBytes)
  try {
    yield* decode(bytes, { lengthDecoder, maxDataLength: maxFrameBytes, onLength, onData })
  } catch (error) {
    if (error instanceof Error && error.name === 'UnexpectedEOFError') isInside = true
    else throw error
  }
  // A source that ends right after a length is no error to it-length-prefixed.
  if (isInside) throw new CutShortError('the rest of a frame')
}

/** Writes each frame with its length in front, as one piece, so that each is one send. */
export async function* encodeFrames(frames: Source<Uint8Array>): AsyncGenerator<Uint8ArrayList, void> {
  for await (const frame of frames) yield encodeFrame(frame)
}

/** Restarts a deadline with each frame that passes. */
export async function* moving<T>(frames: AsyncIterable<T>, deadline: Deadline): AsyncGenerator<T, void> {
  for await (const frame of frames) {
    deadline.restart()
    yield frame
  }
}

/** The next frame, which must come; the frames stay open. @throws {CutShortError} they ended instead */
export async function nextFrame<T>(frames: AsyncIterator<T>, what: string): Promise<T> {
  const { done, value } = await frames.next()
  if (done) throw new CutShortError(what)
  return value
}

interface FrameStreamInit {
  /** Longest frame accepted from the other side; known before anything is allocated. */
  maxFrameBytes?: number
  /** Aborts the stream, and with it every call that waits. */
  signal: AbortSignal
}

export class FrameStream implements Disposable {
  private readonly stream: Stream
  private readonly signal: AbortSignal
  private readonly duplex: Duplex
  private readonly frames: AsyncGenerator<Uint8ArrayList, void>

  constructor(stream: Stream, { maxFrameBytes, signal }: FrameStreamInit) {
    this.stream = stream
    this.signal = signal
    this.duplex = new Duplex(stream, signal)
    this.frames = decodeFrames(this.duplex.source, maxFrameBytes)
  }

  /**
   * The next frame, a copy; null if the stream ended between two frames.
   * @throws {OversizeError} {MalformedError} {CutShortError} as decodeFrames
   */
  async read(): Promise<Uint8Array | null> {
    const { done, value } = await this.frames.next()
    return done ? null : value.slice()
  }

  /** The next frame, which must come. @throws {CutShortError} the stream ended instead */
  async expect(what: string): Promise<Uint8Array> {
    return (await nextFrame(this.frames, what)).slice()
  }

  /** Resolves when the other side can take more. @throws {OversizeError} the frame is longer than any */
  async write(frame: Uint8Array): Promise<void> {
    await this.duplex.write(encodeFrame(frame))
  }

  /** Drops all further bytes of the other side. */
  async closeRead(): Promise<void> {
    await this.frames.return()
  }

  /** Ends our side in good order: what was written still arrives. */
  async close(): Promise<void> {
    await this.stream.close({ signal: this.signal })
  }

  /** Removes the listeners on the signal and the stream. */
  [Symbol.dispose](): void {
    this.duplex.release()
  }
}

function encodeFrame(frame: Uint8Array): Uint8ArrayList {
  if (frame.byteLength > MAX_FRAME_BYTES) throw new OversizeError(frame.byteLength, MAX_FRAME_BYTES)
  return encode.single(frame)
}

/** Reads a length; a RangeError says that not all of it has come. `bytes`: of the length that was read last. */
function lengthDecoderOf(maxFrameBytes: number) {
  const lengthOf = (bytes: ByteChunk): number => {
    let length = 0
    for (let at = 0; at < MAX_PREFIX_BYTES; at++) {
      if (at >= bytes.byteLength) throw new RangeError('the rest of a length has not come')
      const byte = 'get' in bytes ? bytes.get(at) : bytes[at]
      length += (byte & 0x7f) * 2 ** (7 * at)
      if (byte >= 0x80) continue
      if (length > maxFrameBytes) throw new OversizeError(length, maxFrameBytes)
      lengthOf.bytes = at + 1
      return length
    }
    throw new MalformedError('a frame length of more than 3 bytes')
  }
  lengthOf.bytes = 0
  return lengthOf
}
