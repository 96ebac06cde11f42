/**
 * Anti-entropy. Gossip forgets messages after a few seconds, and loses what was published before a link was made. So
 * every SYNC_INTERVAL_MS a peer opens a stream to a random neighbour and says first what it has; at the end both have
 * all messages and certificates that either had. One exchange brings at most MAX_ENVELOPES messages and
 * MAX_CERTIFICATES certificates each way, and ends after SYNC_TIMEOUT_MS without progress.
 *
 * @example await node.handle(SYNC_PROTOCOL, syncServer(components), MAX_SYNC_STREAMS) await syncWith(open, components,
 * signal)
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { hashOf } from '../plan/offer.ts'
import { FrameStream } from '../stream/frames.ts'
import { readMessage, writeMessage } from '../stream/messages.ts'
import { ask, serve } from '../stream/serve.ts'
import type { Clock, Deadline } from '../stream/time.ts'
import * as limits from './constants.ts'
import { decodeSync, encodeSync, joinIds, type SyncMessage, splitIds } from './messages.ts'

/** The messages and certificates of a peer, for this protocol. */
export interface SyncSource {
  /** The number of certificates held: those of rounds 1 to this one. */
  rounds(): number
  certificate(round: number): Promise<Uint8Array | null>
  /** The messages of open rounds by id (`messageId`), the newest last. */
  messages(): Map<string, Uint8Array>
  /** Checks a message and takes it in. */
  takeEnvelope(bytes: Uint8Array): void
  /** Checks a certificate and takes it in. */
  takeCertificate(bytes: Uint8Array): Promise<void>
}

export interface SyncComponents {
  source: SyncSource
  isMember(peer: PeerId): boolean
  clock: Clock
  /** A member that lacks certificates has asked for an exchange. */
  onBehind?(peer: PeerId): void
}

/** The short id of a message. */
export function messageId(envelope: Uint8Array): string {
  return Buffer.from(hashOf(envelope).subarray(0, limits.MESSAGE_ID_BYTES)).toString('hex')
}

export function syncServer(components: SyncComponents): (stream: Stream, connection: Connection) => Promise<void> {
  const { clock, isMember, onBehind, source } = components
  return (stream, { remotePeer }) => {
    const what = `sync with ${remotePeer}`
    return serve(stream, { clock, timeoutMs: limits.SYNC_TIMEOUT_MS, what }, async (deadline) => {
      if (!isMember(remotePeer)) throw new Error('not a member')
      using exchange = new Exchange(stream, source, deadline)
      await exchange.answer(() => onBehind?.(remotePeer))
    })
  }
}

/** One exchange with a neighbour. @throws if it broke off; messages that came before that are kept */
export function syncWith(
  open: (signal: AbortSignal) => Promise<Stream>,
  { source, clock }: SyncComponents,
  signal: AbortSignal,
): Promise<void> {
  return ask(open, { clock, timeoutMs: limits.SYNC_TIMEOUT_MS, signal }, async (stream, deadline) => {
    using exchange = new Exchange(stream, source, deadline)
    await exchange.ask()
  })
}

class Exchange implements Disposable {
  private readonly source: SyncSource
  private readonly deadline: Deadline
  private readonly frames: FrameStream
  private certificates = 0
  private envelopes = 0

  constructor(stream: Stream, source: SyncSource, deadline: Deadline) {
    this.source = source
    this.deadline = deadline
    this.frames = new FrameStream(stream, { signal: deadline.signal })
  }

  [Symbol.dispose](): void {
    this.frames[Symbol.dispose]()
  }

  async ask(): Promise<void> {
    const mine = this.source.messages()
    const known = [...mine.keys()].slice(-limits.MAX_KNOWN_MESSAGES)
    await this.send({ type: 'have', rounds: this.source.rounds(), known: joinIds(known) })
    const want = await this.receiveUntil('want')
    if (want === null) throw new Error('the exchange ended early')
    await this.give(
      want.rounds,
      splitIds(want.ids).flatMap((id) => mine.get(id) ?? []),
    )
    await this.frames.close()
  }

  async answer(onBehind: () => void): Promise<void> {
    const have = await this.receive()
    if (have?.type !== 'have') throw new Error(`an exchange that begins with ${have?.type ?? 'nothing'}`)
    if (have.rounds < this.source.rounds()) onBehind()
    const theirs = new Set(splitIds(have.known))
    const mine = this.source.messages()
    await this.give(
      have.rounds,
      [...mine].flatMap(([id, bytes]) => (theirs.has(id) ? [] : bytes)),
    )
    const lacking = [...theirs].filter((id) => !mine.has(id)).slice(0, limits.MAX_ENVELOPES)
    await this.send({ type: 'want', rounds: this.source.rounds(), ids: joinIds(lacking) })
    await this.receiveUntil(null)
    await this.frames.close()
  }

  /** Certificates after those that the other has, then messages. */
  private async give(rounds: number, messages: Uint8Array[]): Promise<void> {
    const last = Math.min(this.source.rounds(), rounds + limits.MAX_CERTIFICATES)
    for (let round = rounds + 1; round <= last; round++) {
      const certificate = await this.source.certificate(round)
      if (certificate !== null) await this.send({ type: 'certificate', certificate })
    }
    const envelopes = messages.slice(-limits.MAX_ENVELOPES)
    for (let at = 0; at < envelopes.length; at += limits.ENVELOPES_PER_BATCH) {
      await this.send({ type: 'envelopes', envelopes: envelopes.slice(at, at + limits.ENVELOPES_PER_BATCH) })
    }
  }

  /** Takes in all messages, until the one that ends this side or the end of the stream. */
  private async receiveUntil(last: 'want' | null): Promise<(SyncMessage & { type: 'want' }) | null> {
    for (;;) {
      const message = await this.receive()
      if (message === null) return null
      if (message.type === 'want' && last === 'want') return message
      if (message.type === 'certificate') await this.takeCertificate(message.certificate)
      else if (message.type === 'envelopes') this.takeEnvelopes(message.envelopes)
      else throw new Error(`${message.type} out of turn`)
    }
  }

  private async takeCertificate(bytes: Uint8Array): Promise<void> {
    if (++this.certificates > limits.MAX_CERTIFICATES) throw new Error('too many certificates')
    await this.source.takeCertificate(bytes)
  }

  private takeEnvelopes(envelopes: Uint8Array[]): void {
    this.envelopes += envelopes.length
    if (this.envelopes > limits.MAX_ENVELOPES) throw new Error('too many messages')
    for (const bytes of envelopes) this.source.takeEnvelope(bytes)
  }

  private async send(message: SyncMessage): Promise<void> {
    await writeMessage(this.frames, encodeSync(message))
    this.deadline.restart()
  }

  private async receive(): Promise<SyncMessage | null> {
    const bytes = await readMessage(this.frames, limits.MAX_SYNC_BYTES, () => this.deadline.restart())
    return bytes === null ? null : decodeSync(bytes)
  }
}

export { MAX_SYNC_STREAMS, SYNC_INTERVAL_MS, SYNC_JITTER, SYNC_PROTOCOL } from './constants.ts'
