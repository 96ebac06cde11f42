/**
 * A libp2p stream as a sequence of frames, each an unsigned varint length and that many bytes. Reading is
 * bounded: iterating a libp2p 3 stream would queue whatever comes, so this reader pauses the stream while
 * READ_AHEAD_BYTES wait. Writing honours backpressure: `send` returning false means that nothing more may be
 * written before `drain` (yamux itself queues without limit).
 *
 * @example
 * const frames = new FrameStream(stream, { maxFrameBytes: 37, signal })
 * const request = await frames.read()   // null at the end of the stream
 * await frames.closeRead()              // what else comes is dropped, not queued
 * await frames.write(answer)
 * await frames.close()
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { encode } from 'it-length-prefixed'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES, READ_AHEAD_BYTES } from './constants.ts'
import { CutShortError, MalformedError, OversizeError } from './errors.ts'

interface FrameStreamInit {
  /** Longest frame accepted from the other side; known before anything is allocated. */
  maxFrameBytes?: number
  /** Aborts the stream, and with it every call that waits. */
  signal: AbortSignal
}

/** The varint of a length below 2^21 has at most 3 bytes. */
const MAX_PREFIX_BYTES = 3

export class FrameStream {
  private readonly stream: Stream
  private readonly maxFrameBytes: number
  private readonly signal: AbortSignal
  private readonly buffer = new Uint8ArrayList()
  private ended = false
  private closed = false
  private failure: Error | null = null
  private wake: (() => void) | null = null
  private drain: (() => void) | null = null

  constructor(stream: Stream, { maxFrameBytes = MAX_FRAME_BYTES, signal }: FrameStreamInit) {
    this.stream = stream
    this.maxFrameBytes = maxFrameBytes
    this.signal = signal
    stream.addEventListener('message', this.onMessage)
    stream.addEventListener('end', this.onEnd)
    stream.addEventListener('close', this.onClose)
    stream.addEventListener('drain', this.onDrain)
    signal.addEventListener('abort', this.onAbort)
    this.ended = stream.readableEnded
    if (signal.aborted) this.onAbort()
  }

  /**
   * The next frame; null where the stream ended between two.
   * @throws {OversizeError} the frame is longer than allowed
   * @throws {CutShortError} the stream ended inside a frame
   */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const frame = this.take()
      if (frame !== null) return frame
      if (this.failure) throw this.failure
      if (this.ended) {
        if (this.buffer.byteLength > 0) throw new CutShortError('the rest of a frame')
        return null
      }
      await this.moreToRead()
    }
  }

  /** The next frame, which must come. @throws {CutShortError} the stream ended instead */
  async expect(what: string): Promise<Uint8Array> {
    const frame = await this.read()
    if (frame === null) throw new CutShortError(what)
    return frame
  }

  /** Resolves when the other side can take more. */
  async write(frame: Uint8Array): Promise<void> {
    if (frame.byteLength > MAX_FRAME_BYTES) throw new OversizeError(frame.byteLength, MAX_FRAME_BYTES)
    this.throwIfOver()
    if (!this.stream.send(encode.single(frame))) await this.drained()
  }

  /** Drops whatever else the other side sends. */
  async closeRead(): Promise<void> {
    this.ended = true
    this.buffer.consume(this.buffer.byteLength)
    this.stream.removeEventListener('message', this.onMessage)
    await this.stream.closeRead({ signal: this.signal })
  }

  /** Ends our side in good order: what was written still arrives. */
  async close(): Promise<void> {
    await this.stream.close({ signal: this.signal })
  }

  /** Ends both sides at once; the other sees a reset. */
  abort(error: Error): void {
    this.stream.abort(error)
    this.release()
  }

  /** Lets go of the signal and the stream. Call it when the stream has been closed or aborted. */
  release(): void {
    this.stream.removeEventListener('message', this.onMessage)
    this.stream.removeEventListener('end', this.onEnd)
    this.stream.removeEventListener('close', this.onClose)
    this.stream.removeEventListener('drain', this.onDrain)
    this.signal.removeEventListener('abort', this.onAbort)
  }

  private take(): Uint8Array | null {
    const prefix = this.readPrefix()
    if (prefix === null) return null
    const end = prefix.bytes + prefix.length
    if (this.buffer.byteLength < end) return null
    const frame = this.buffer.slice(prefix.bytes, end)
    this.buffer.consume(end)
    if (this.buffer.byteLength < READ_AHEAD_BYTES && this.stream.readStatus === 'paused') this.stream.resume()
    return frame
  }

  /** The length at the head of the buffer; null where not all of it has come. */
  private readPrefix(): { length: number; bytes: number } | null {
    let length = 0
    for (let bytes = 1; bytes <= MAX_PREFIX_BYTES; bytes++) {
      if (this.buffer.byteLength < bytes) return null
      const byte = this.buffer.get(bytes - 1)
      length += (byte & 0x7f) * 2 ** (7 * (bytes - 1))
      if (byte < 0x80) {
        if (length > this.maxFrameBytes) throw new OversizeError(length, this.maxFrameBytes)
        return { length, bytes }
      }
    }
    throw new MalformedError('a frame length of more than 3 bytes')
  }

  private moreToRead(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  /**
   * Resolves when the other side can take more. libp2p's own `onDrain` resolves at once from its second call on, since
   * it keeps the promise of the first (@libp2p/utils 7.4), so that a writer that trusts it queues without end.
   */
  private async drained(): Promise<void> {
    while (this.stream.writableNeedsDrain) {
      await new Promise<void>((resolve) => {
        this.drain = resolve
      })
      this.throwIfOver()
    }
  }

  private throwIfOver(): void {
    if (this.failure) throw this.failure
    if (this.closed) throw new CutShortError('something to write to')
    this.signal.throwIfAborted()
  }

  private readonly onMessage = ({ data }: StreamMessageEvent): void => {
    this.buffer.append(data)
    if (this.buffer.byteLength >= READ_AHEAD_BYTES && this.stream.readStatus === 'readable') this.stream.pause()
    this.wake?.()
  }

  private readonly onEnd = (): void => {
    this.ended = true
    this.wake?.()
  }

  private readonly onClose = ({ error }: StreamCloseEvent): void => {
    if (error) this.failure ??= error
    this.closed = true
    this.ended = true
    this.signal.removeEventListener('abort', this.onAbort)
    this.wake?.()
    this.drain?.()
  }

  private readonly onDrain = (): void => this.drain?.()

  private readonly onAbort = (): void => {
    const reason: unknown = this.signal.reason
    const error = reason instanceof Error ? reason : new Error('aborted', { cause: reason })
    this.failure = error
    this.abort(error)
    this.wake?.()
    this.drain?.()
  }
}
