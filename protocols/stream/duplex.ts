/**
 * A libp2p stream for `it-pipe`: a source of bytes, a sink of bytes. Both ends are bounded. The source pauses the
 * stream while READ_AHEAD_BYTES wait, while iterating a libp2p 3 stream would queue all that comes. The sink waits for
 * every drain, since yamux queues without limit. Both end with the signal's reason. It stands at the ends of a pipe: in
 * the middle of one, it-pipe would queue.
 *
 * @example using duplex = new Duplex(stream, deadline.signal) await pipe(duplex, (bytes) => decodeFrames(bytes, 37),
 * answer, encodeFrames, duplex)
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { MAX_FRAME_BYTES, READ_AHEAD_BYTES } from './constants.ts'
import { asError, CutShortError } from './errors.ts'

export type Source<T> = Iterable<T> | AsyncIterable<T>
export type ByteChunk = Uint8Array | Uint8ArrayList

/** One for all: most conversations end in good order, and nobody waits for more of them. */
const OVER = new CutShortError('more of a conversation that is over')

export class Duplex implements Disposable {
  /** The bytes that the other side sends. If the reader stops, the rest is dropped and not queued. */
  readonly source: AsyncGenerator<Uint8ArrayList, void>
  private readonly stream: Stream
  private readonly signal: AbortSignal
  private readonly waiting = new Uint8ArrayList()
  private ended: boolean
  private closed = false
  private failure: Error | null = null
  private wake: (() => void) | null = null
  private drain: (() => void) | null = null

  /** @param signal - aborts the stream, and with it every call that waits */
  constructor(stream: Stream, signal: AbortSignal) {
    this.stream = stream
    this.signal = signal
    this.ended = stream.readableEnded
    this.source = this.read()
    stream.addEventListener('message', this.onMessage)
    stream.addEventListener('end', this.onEnd)
    stream.addEventListener('close', this.onClose)
    stream.addEventListener('drain', this.onDrain)
    signal.addEventListener('abort', this.onAbort)
    if (signal.aborted) this.onAbort()
  }

  /** Sends all of a source, as fast as the other side takes it, then ends our side in good order. */
  readonly sink = async (source: Source<ByteChunk>): Promise<void> => {
    for await (const bytes of source) await this.write(bytes)
    await this.stream.close({ signal: this.signal })
  }

  /** Resolves when the other side can take more. */
  async write(bytes: ByteChunk): Promise<void> {
    this.throwIfOver()
    if (!this.stream.send(bytes)) await this.drained()
  }

  /** Removes the listeners on the signal and the stream. All waiting calls end. */
  release(): void {
    this.stream.removeEventListener('message', this.onMessage)
    this.stream.removeEventListener('end', this.onEnd)
    this.stream.removeEventListener('close', this.onClose)
    this.stream.removeEventListener('drain', this.onDrain)
    this.signal.removeEventListener('abort', this.onAbort)
    this.fail(OVER)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  private async *read(): AsyncGenerator<Uint8ArrayList, void> {
    try {
      for (;;) {
        while (this.waiting.byteLength > 0) yield this.take()
        if (this.failure) throw this.failure
        if (this.ended) return
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    } finally {
      this.stream.removeEventListener('message', this.onMessage)
      if (!this.ended) await this.stream.closeRead({ signal: this.signal })
    }
  }

  /** Reads at most a frame, so that the stream resumes before all waiting bytes have been read. */
  private take(): Uint8ArrayList {
    const bytes = this.waiting.sublist(0, Math.min(MAX_FRAME_BYTES, this.waiting.byteLength))
    this.waiting.consume(bytes.byteLength)
    if (this.waiting.byteLength < READ_AHEAD_BYTES && this.stream.readStatus === 'paused') this.stream.resume()
    return bytes
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

  private fail(error: Error): void {
    this.failure ??= error
    this.wake?.()
    this.drain?.()
  }

  private readonly onMessage = ({ data }: StreamMessageEvent): void => {
    this.waiting.append(data)
    if (this.waiting.byteLength >= READ_AHEAD_BYTES && this.stream.readStatus === 'readable') this.stream.pause()
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
    const error = asError(this.signal.reason)
    this.fail(error)
    this.stream.abort(error)
  }
}
