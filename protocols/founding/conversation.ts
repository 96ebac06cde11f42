/** One stream of the founding protocol, as messages. */
import type { Stream } from '@libp2p/interface'
import { FrameStream } from '../stream/frames.ts'
import { expectMessage, readMessage, writeMessage } from '../stream/messages.ts'
import { MAX_FOUNDING_BYTES } from './constants.ts'
import { decodeFounder, decodeJoiner, encodeFounding, type FounderMessage, type JoinerMessage } from './messages.ts'

export class Conversation {
  readonly frames: FrameStream
  private sent: Promise<void> = Promise.resolve()

  constructor(stream: Stream, signal: AbortSignal) {
    this.frames = new FrameStream(stream, { signal })
  }

  /** A message is several frames: one that is sent meanwhile waits until it is whole. */
  send(message: JoinerMessage | FounderMessage): Promise<void> {
    const bytes = encodeFounding(message)
    const sending = this.sent.then(() => writeMessage(this.frames, bytes))
    this.sent = sending.catch(() => {})
    return sending
  }

  /** Null where the joiner has ended the stream. */
  async fromJoiner(): Promise<JoinerMessage | null> {
    const bytes = await readMessage(this.frames, MAX_FOUNDING_BYTES)
    return bytes === null ? null : decodeJoiner(bytes)
  }

  async fromFounder(): Promise<FounderMessage> {
    return decodeFounder(await expectMessage(this.frames, MAX_FOUNDING_BYTES, 'a word of the founder'))
  }

  /** Ends in good order; what was said still arrives. */
  async end(): Promise<void> {
    await this.frames.close()
    this.frames.release()
  }

  abort(error: unknown): void {
    this.frames.abort(error instanceof Error ? error : new Error(String(error)))
  }
}
