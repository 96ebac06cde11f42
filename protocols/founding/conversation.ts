/**
 * One stream of the founding protocol, as messages of at most MAX_FOUNDING_BYTES. The joiner opens it and speaks first;
 * founding/messages.ts says what follows.
 */
import type { Stream } from '@libp2p/interface'
import { PROTOCOL_VERSION } from '../plan/offer.ts'
import { FrameStream } from '../stream/frames.ts'
import { expectMessage, readMessage, writeMessage } from '../stream/messages.ts'
import type { Clock } from '../stream/time.ts'
import { MAX_FOUNDING_BYTES, WAITING_INTERVAL_MS } from './constants.ts'
import {
  decodeFounder,
  decodeJoiner,
  encodeFounding,
  type FounderMessage,
  type FoundingRefusal,
  type JoinerMessage,
} from './messages.ts'

export class Conversation implements Disposable {
  private readonly frames: FrameStream
  private sent: Promise<void> = Promise.resolve()

  /** @param signal - aborts the stream, and with it every call that waits */
  constructor(stream: Stream, signal: AbortSignal) {
    this.frames = new FrameStream(stream, { signal })
  }

  /** A message has several frames, so the next message waits until it is whole. */
  send(message: JoinerMessage | FounderMessage): Promise<void> {
    const bytes = encodeFounding(message)
    const sending = this.sent.then(() => writeMessage(this.frames, bytes))
    this.sent = sending.catch(() => {})
    return sending
  }

  refuse(reason: FoundingRefusal): Promise<void> {
    return this.send({ type: 'refused', reason, version: PROTOCOL_VERSION })
  }

  /** While others are missing, a message every WAITING_INTERVAL_MS shows that the link is alive. Never throws. */
  async keepSaying(news: () => FounderMessage | null, clock: Clock, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await clock.pause(WAITING_INTERVAL_MS, signal)
        const message = news()
        if (message !== null) await this.send(message)
      }
    } catch {
      // the stream has ended, and with it the waiting
    }
  }

  /** Reads a message; null if the joiner has ended the stream. */
  async fromJoiner(): Promise<JoinerMessage | null> {
    const bytes = await readMessage(this.frames, MAX_FOUNDING_BYTES)
    return bytes === null ? null : decodeJoiner(bytes)
  }

  async fromFounder(): Promise<FounderMessage> {
    return decodeFounder(await expectMessage(this.frames, MAX_FOUNDING_BYTES, 'a word of the founder'))
  }

  /** Ends in good order: messages that were sent still arrive. */
  end(): Promise<void> {
    return this.frames.close()
  }

  [Symbol.dispose](): void {
    this.frames[Symbol.dispose]()
  }
}
