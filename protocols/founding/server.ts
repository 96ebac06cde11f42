/**
 * The founder's side of founding. A joiner opens a stream and speaks first, within ANSWER_TIMEOUT_MS. `ask` is answered
 * by the offer. `accept` takes a seat: the founder keeps that stream, says who is here, sends the plan once all seats
 * are taken, and gathers signatures for at most signingTimeoutMs. A message has at most MAX_FOUNDING_BYTES.
 */
import type { Acceptance } from '../plan/acceptance.ts'
import { PROTOCOL_VERSION, type SealedOffer } from '../plan/offer.ts'
import { hasFullGroups, makePlan, memberOf } from '../plan/plan.ts'
import { composed } from '../stream/composed.ts'
import { serve } from '../stream/serve.ts'
import type { Clock } from '../stream/time.ts'
import { equalBytes } from '../wire/encoding.ts'
import { ANSWER_TIMEOUT_MS, signingTimeoutMs } from './constants.ts'
import { Conversation } from './conversation.ts'
import { declinedHere, foundingEnded } from './errors.ts'
import type { Founded, FoundingWatcher, PlanSigner, StreamHandler } from './index.ts'
import type { FounderMessage, FoundingEnding, JoinerMessage } from './messages.ts'
import { type Seat, Seats } from './seats.ts'
import { Signatures } from './signatures.ts'

interface FoundingServerInit extends FoundingWatcher {
  offer: SealedOffer
  /** The secret of the invitation, which admits joiners. */
  secret: Uint8Array
  /** The founder's own acceptance. */
  own: Acceptance
  /** The addresses of the founder. */
  addresses: string[]
  /** Whether a person is asked before the founder signs. */
  asks: boolean
  sign: PlanSigner
  /**
   * Makes the federation durable here, before any other member hears that it is founded: a founder that comes back goes
   * on with it.
   */
  keep(founded: Founded): Promise<void>
  clock: Clock
}

export interface FoundingServer {
  handle: StreamHandler
  /**
   * Resolves when all members have signed. Members that lost their stream are still answered afterwards.
   * @throws {NoAgreementError} signatures are missing at the deadline, or a member left before it signed
   * @throws {RefusedError} a member, this one or another, declines
   * @throws the signal's reason
   */
  founded(signal: AbortSignal): Promise<Founded>
}

export function foundingServer(init: FoundingServerInit): FoundingServer {
  return new Mailbox(init)
}

/** `keeping`: all have signed, and the founder alone knows it. */
type Stage = 'open' | 'signing' | 'keeping' | 'founded' | 'failed'

class Mailbox implements FoundingServer {
  private readonly init: FoundingServerInit
  private readonly seats: Seats
  private stage: Stage = 'open'
  /** Null: there is no plan yet. */
  private signatures: Signatures | null = null
  private readonly outcome = Promise.withResolvers<Founded>()
  private readonly over = new AbortController()
  /** Resolves when a founding has failed and all waiting joiners have heard why. */
  private readonly emptied = Promise.withResolvers<void>()

  constructor(init: FoundingServerInit) {
    this.init = init
    this.seats = new Seats(init)
    this.outcome.promise.catch(() => {})
  }

  async founded(signal: AbortSignal): Promise<Founded> {
    const stop = () => {
      this.fail(signal.reason)
      this.over.abort(signal.reason)
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    try {
      return await this.outcome.promise
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** A failure is logged; the joiner sees a refusal, or a reset where it broke the protocol. */
  handle: StreamHandler = (stream, { remotePeer }) => {
    const limits = { clock: this.init.clock, timeoutMs: ANSWER_TIMEOUT_MS, what: `founding with ${remotePeer}` }
    return serve(stream, limits, async (first) => {
      using signal = composed(first.signal, this.over.signal)
      using conversation = new Conversation(stream, signal.signal)
      const message = await conversation.fromJoiner()
      if (message?.type === 'ask') await this.answerAsk(message, conversation)
      else if (message?.type === 'accept') {
        first.clear()
        await this.answerAccept(message, conversation)
      } else throw new Error(`a stream that begins with ${message?.type ?? 'nothing'}`)
      await conversation.end()
    })
  }

  private async answerAsk(ask: JoinerMessage & { type: 'ask' }, conversation: Conversation): Promise<void> {
    const { offer } = this.init
    if (ask.version !== PROTOCOL_VERSION) return conversation.refuse('version')
    if (!equalBytes(ask.offer, offer.hash)) return conversation.refuse('offer')
    // A joiner without a seat hears it now, before it reads its text.
    if (this.stage === 'failed') return conversation.refuse('failed')
    await conversation.send({ type: 'offer', offer: offer.bytes, sites: this.seats.sites() })
  }

  private async answerAccept(accept: JoinerMessage & { type: 'accept' }, conversation: Conversation): Promise<void> {
    const closed = { open: null, signing: 'full', keeping: 'full', founded: 'full', failed: 'failed' } as const
    const seat = this.seats.claim(accept, closed[this.stage])
    if (typeof seat === 'string') return conversation.refuse(seat)
    seat.conversation = conversation
    try {
      if (this.stage === 'open') await this.tellAll()
      if (this.stage === 'open' && this.seats.areTaken) this.seal()
      else if (this.stage !== 'open') await this.sendPlan(conversation)
      await this.listen(seat, conversation)
    } finally {
      if (seat.conversation === conversation) this.lapse(seat)
    }
  }

  /** The joiner's stream has ended. That frees its seat, or ends the founding where its signature is still missing. */
  private lapse(seat: Seat): void {
    seat.conversation = null
    if (this.stage === 'failed' && this.seats.open().length === 0) this.emptied.resolve()
    const unsigned = this.unsignedIndexOf(seat)
    if (unsigned !== null) this.end('gone', [unsigned])
    if (this.stage !== 'open') return
    this.seats.free(seat)
    this.tellAll().catch((error) => this.fail(error))
  }

  /** The index in the plan of a site that has not signed; null: it has, or there is no plan yet. */
  private unsignedIndexOf({ acceptance }: Seat): number | null {
    return this.signatures?.unsignedIndexOf(acceptance.peer) ?? null
  }

  /** Sends the progress to all waiting joiners, and to the listener here. */
  private async tellAll(): Promise<void> {
    const news = this.news()
    if (news?.type === 'waiting') this.init.onWaiting?.(news.sites, news.members)
    if (news?.type === 'signing' && this.signatures !== null) this.init.onSigning?.(this.signatures.plan, news.signed)
    if (news !== null) await this.seats.broadcast((conversation) => conversation.send(news))
  }

  /** All seats are taken: makes the plan, which no longer changes. */
  private seal(): void {
    this.signatures = new Signatures(makePlan(this.init.offer, this.seats.acceptances(), this.init.secret))
    this.stage = 'signing'
    void this.collect(this.signatures)
  }

  private async collect(signatures: Signatures): Promise<void> {
    const { clock, own, sign } = this.init
    using deadline = clock.deadline(signingTimeoutMs(this.seats.ask), this.over.signal)
    const over = new AbortController()
    this.outcome.promise.catch((error) => over.abort(error))
    const onLate = () => this.end('late', signatures.missing())
    deadline.signal.addEventListener('abort', onLate)
    try {
      if (!hasFullGroups(signatures.plan)) return this.end('groups', [])
      await this.seats.broadcast((conversation) => this.sendPlan(conversation))
      const signed = await sign(signatures.plan, over.signal)
      if (signed === null) this.end('declined', [memberOf(signatures.plan, own.peer)?.index ?? -1])
      else await this.takeSignature(signatures, signed.member, signed.signature)
      await this.outcome.promise
    } catch (error) {
      this.fail(error)
    } finally {
      deadline.signal.removeEventListener('abort', onLate)
    }
  }

  /**
   * Ends the founding without a federation. All joiners hear why before the founder does, because its process ends
   * then.
   */
  private end(ending: FoundingEnding, members: number[]): void {
    if (this.stage !== 'signing' || this.signatures === null) return
    this.stage = 'failed'
    const { plan } = this.signatures
    const sites = members.map((index) => plan.members[index])
    const isOwn = sites.some(({ peer }) => equalBytes(peer, this.init.own.peer))
    const reason = ending === 'declined' && isOwn ? declinedHere(true) : foundingEnded(ending, sites, plan.offer)
    void this.tellEnding({ type: 'ended', ending, members }).finally(() => this.outcome.reject(reason))
  }

  private async tellEnding(message: FounderMessage & { type: 'ended' }): Promise<void> {
    using deadline = this.init.clock.deadline(ANSWER_TIMEOUT_MS, this.over.signal)
    deadline.signal.addEventListener('abort', () => this.emptied.resolve())
    if (this.seats.open().length === 0) return
    await this.seats.broadcast((conversation) => conversation.send(message))
    await this.emptied.promise
  }

  private async listen(seat: Seat, conversation: Conversation): Promise<void> {
    const beat = new AbortController()
    void conversation.keepSaying(() => this.news(), this.init.clock, beat.signal)
    try {
      for (;;) {
        const message = await conversation.fromJoiner()
        if (message === null) return
        await this.hear(seat, message)
      }
    } finally {
      beat.abort()
    }
  }

  private async hear(seat: Seat, message: JoinerMessage): Promise<void> {
    const unsigned = this.unsignedIndexOf(seat)
    if (message.type === 'declined' && unsigned !== null) return this.end('declined', [unsigned])
    if (message.type !== 'signature' || this.signatures === null) throw new Error(`${message.type} out of turn`)
    const { member, signature } = this.signatures.open(message.signature)
    await this.takeSignature(this.signatures, member, signature)
  }

  /** The progress of the founding, for a waiting joiner. */
  private news(): FounderMessage | null {
    const { members } = this.init.offer.offer
    if (this.stage === 'open') return { type: 'waiting', sites: this.seats.sites(), members }
    if (this.stage === 'signing') return { type: 'signing', signed: this.signatures?.signed() ?? [] }
    return null
  }

  private async takeSignature(signatures: Signatures, member: number, signature: Uint8Array): Promise<void> {
    signatures.add(member, signature)
    if (this.stage === 'signing') return signatures.areComplete ? this.close(signatures) : this.tellAll()
    if (this.stage === 'founded') await this.tellSignatures()
  }

  /** All have signed. */
  private async close(signatures: Signatures): Promise<void> {
    this.stage = 'keeping'
    const { plan } = signatures
    const founded = { plan, signatures: signatures.inOrder(), addresses: this.seats.addresses() }
    try {
      await this.init.keep(founded)
    } catch (error) {
      return this.fail(error)
    }
    this.stage = 'founded'
    await this.tellSignatures()
    this.outcome.resolve(founded)
  }

  private tellSignatures(): Promise<void> {
    return this.seats.broadcast((conversation) => this.sendSignatures(conversation))
  }

  private async sendPlan(conversation: Conversation): Promise<void> {
    if (this.signatures === null) return
    const { bytes: plan } = this.signatures.plan
    await conversation.send({ type: 'plan', plan, addresses: this.seats.addresses(), asks: this.seats.ask })
    if (this.stage === 'founded') await this.sendSignatures(conversation)
  }

  private async sendSignatures(conversation: Conversation): Promise<void> {
    if (this.signatures !== null) await conversation.send({ type: 'signatures', signatures: this.signatures.encoded() })
  }

  private fail(error: unknown): void {
    if (this.stage === 'founded') return
    this.stage = 'failed'
    this.outcome.reject(error)
  }
}
