import type { Connection, Stream } from '@libp2p/interface'
import { type Acceptance, acceptanceFault, decodeAcceptance } from '../plan/acceptance.ts'
import { PROTOCOL_VERSION, type SealedOffer } from '../plan/offer.ts'
import {
  decodePlanSignature,
  encodePlanSignature,
  makePlan,
  memberOf,
  type Plan,
  planSignatureFault,
} from '../plan/plan.ts'
import type { SiteLabel } from '../plan/site-name.ts'
import { composed } from '../stream/composed.ts'
import type { Clock } from '../stream/time.ts'
import { equalBytes, MalformedMessageError, toHex } from '../wire/encoding.ts'
import { ANSWER_TIMEOUT_MS, signingTimeoutMs, WAITING_INTERVAL_MS } from './constants.ts'
import { Conversation } from './conversation.ts'
import { declinedHere, foundingEnded } from './errors.ts'
import type { Founded, FoundingWatcher, PlanSigner, StreamHandler } from './index.ts'
import type { FounderMessage, FoundingEnding, FoundingRefusal, JoinerMessage, MemberAddresses } from './messages.ts'

interface FoundingServerInit extends FoundingWatcher {
  offer: SealedOffer
  /** What admits: stands in the invitation. */
  secret: Uint8Array
  /** The founder's own acceptance. */
  own: Acceptance
  /** Where the founder can be reached. */
  addresses: string[]
  /** Whether a person is asked before the founder signs. */
  asks: boolean
  sign: PlanSigner
  clock: Clock
}

export interface FoundingServer {
  handle: StreamHandler
  /**
   * Resolves when all members have signed. Members that lost their stream are still answered afterwards.
   * @throws {NoAgreementError} signatures are missing at the deadline, or a member went before it signed
   * @throws {RefusedError} a member, this one or another, says no
   * @throws the signal's reason
   */
  founded(signal: AbortSignal): Promise<Founded>
}

export function foundingServer(init: FoundingServerInit): FoundingServer {
  return new Mailbox(init)
}

/** A joiner's place, as long as its stream is open or a plan names it. */
interface Seat {
  acceptance: Acceptance
  addresses: string[]
  asks: boolean
  conversation: Conversation | null
}

type Stage = 'open' | 'signing' | 'founded' | 'failed'

class Mailbox implements FoundingServer {
  private readonly init: FoundingServerInit
  /** By peer id in hexadecimal. */
  private readonly seats = new Map<string, Seat>()
  private readonly signatures = new Map<number, Uint8Array>()
  private stage: Stage = 'open'
  private plan: Plan | null = null
  private readonly outcome = Promise.withResolvers<Founded>()
  private readonly over = new AbortController()
  /** Resolves when a founding has failed and all who were here have heard why. */
  private readonly emptied = Promise.withResolvers<void>()

  constructor(init: FoundingServerInit) {
    this.init = init
    const { own, addresses, asks } = init
    this.seats.set(toHex(own.peer), { acceptance: own, addresses, asks, conversation: null })
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

  /** What fails is logged here; the joiner sees a refusal, or a reset where it broke the protocol. */
  handle = async (stream: Stream, { remotePeer }: Connection): Promise<void> => {
    using first = this.init.clock.deadline(ANSWER_TIMEOUT_MS)
    using signal = composed(first.signal, this.over.signal)
    const conversation = new Conversation(stream, signal.signal)
    try {
      const message = await conversation.fromJoiner()
      if (message?.type === 'ask') await this.answerAsk(message, conversation)
      else if (message?.type === 'accept') {
        first.clear()
        await this.answerAccept(message, conversation)
      } else throw new Error(`a stream that begins with ${message?.type ?? 'nothing'}`)
      await conversation.end()
    } catch (error) {
      stream.log.error('founding with %p failed - %e', remotePeer, error)
      conversation.abort(error)
    }
  }

  private async answerAsk(ask: JoinerMessage & { type: 'ask' }, conversation: Conversation): Promise<void> {
    const { offer } = this.init
    if (ask.version !== PROTOCOL_VERSION) return refuse(conversation, 'version')
    if (!equalBytes(ask.offer, offer.hash)) return refuse(conversation, 'offer')
    // Whoever has no seat may as well hear it before its text is read.
    if (this.stage === 'failed') return refuse(conversation, 'failed')
    await conversation.send({ type: 'offer', offer: offer.bytes, sites: this.sites() })
  }

  private async answerAccept(accept: JoinerMessage & { type: 'accept' }, conversation: Conversation): Promise<void> {
    const seat = this.seatFor(accept)
    if (typeof seat === 'string') return refuse(conversation, seat)
    seat.conversation = conversation
    try {
      if (this.stage === 'open') await this.tellAll()
      if (this.stage === 'open' && this.seats.size === this.init.offer.offer.members) this.seal()
      else if (this.stage !== 'open') await this.sendPlan(conversation)
      await this.listen(seat, conversation)
    } finally {
      if (seat.conversation === conversation) this.lapse(seat)
    }
  }

  /** The seat that this acceptance gets or has, or why none. */
  private seatFor({ acceptance: bytes, addresses, asks }: JoinerMessage & { type: 'accept' }): Seat | FoundingRefusal {
    let acceptance: Acceptance
    try {
      acceptance = decodeAcceptance(bytes)
    } catch (error) {
      if (error instanceof MalformedMessageError) return 'acceptance'
      throw error
    }
    const fault = acceptanceFault(acceptance, this.init.offer.hash, this.init.secret)
    if (fault !== null) return fault === 'signature' || fault === 'name' ? 'acceptance' : fault
    const key = toHex(acceptance.peer)
    const held = this.seats.get(key)
    if (held !== undefined) return this.reclaim(held, acceptance)
    if (this.stage === 'failed') return 'failed'
    if (this.stage !== 'open' || this.seats.size >= this.init.offer.offer.members) return 'full'
    const seat = { acceptance, addresses, asks, conversation: null }
    this.seats.set(key, seat)
    return seat
  }

  /** A member whose stream broke after the plan was sent comes back with the very same acceptance. */
  private reclaim(seat: Seat, acceptance: Acceptance): Seat | FoundingRefusal {
    const same = equalBytes(seat.acceptance.signature, acceptance.signature)
    return seat.conversation === null && same && seat.acceptance !== this.init.own ? seat : 'member'
  }

  /** The joiner's stream has ended. That frees its seat, or ends the founding where its signature is still missing. */
  private lapse(seat: Seat): void {
    seat.conversation = null
    if (this.stage === 'failed' && this.open().length === 0) this.emptied.resolve()
    const member = this.memberAt(seat)
    if (member !== null && !this.signatures.has(member)) this.end('gone', [member])
    if (this.stage !== 'open') return
    this.seats.delete(toHex(seat.acceptance.peer))
    this.tellAll().catch((error) => this.fail(error))
  }

  private async tellAll(): Promise<void> {
    const { members } = this.init.offer.offer
    const sites = this.sites()
    this.init.onWaiting?.(sites, members)
    await this.broadcast((conversation) => conversation.send({ type: 'waiting', sites, members }))
  }

  private sites(): SiteLabel[] {
    return [...this.seats.values()].map(({ acceptance: { peer, site } }) => ({ peer, site }))
  }

  /** The index in the plan; null: there is none yet. */
  private memberAt({ acceptance }: Seat): number | null {
    return this.plan && (memberOf(this.plan, acceptance.peer)?.index ?? null)
  }

  /** All seats are taken: from here on the plan is what it is. */
  private seal(): void {
    const acceptances = [...this.seats.values()].map(({ acceptance }) => acceptance)
    this.plan = makePlan(this.init.offer, acceptances, this.init.secret)
    this.stage = 'signing'
    void this.collect(this.plan)
  }

  private async collect(plan: Plan): Promise<void> {
    const { clock, sign } = this.init
    using deadline = clock.deadline(signingTimeoutMs(this.asks()), this.over.signal)
    const over = new AbortController()
    this.outcome.promise.catch((error) => over.abort(error))
    const onLate = () => this.end('late', this.unsigned(plan))
    deadline.signal.addEventListener('abort', onLate)
    try {
      await this.broadcast((conversation) => this.sendPlan(conversation))
      const own = await sign(plan, over.signal)
      if (own === null) this.end('declined', [memberOf(plan, this.init.own.peer)?.index ?? -1])
      else await this.takeSignature(plan, own.member, own.signature)
      await this.outcome.promise
    } catch (error) {
      this.fail(error)
    } finally {
      deadline.signal.removeEventListener('abort', onLate)
    }
  }

  private asks(): boolean {
    return [...this.seats.values()].some(({ asks }) => asks)
  }

  private unsigned(plan: Plan): number[] {
    return plan.members.map(({ index }) => index).filter((index) => !this.signatures.has(index))
  }

  /** The plan has no federation. All who are here hear why before the founder does: its process ends with that. */
  private end(ending: FoundingEnding, members: number[]): void {
    const { plan } = this
    if (this.stage !== 'signing' || plan === null) return
    this.stage = 'failed'
    const sites = members.map((index) => plan.members[index])
    const isOwn = sites.some(({ peer }) => equalBytes(peer, this.init.own.peer))
    const reason = ending === 'declined' && isOwn ? declinedHere(true) : foundingEnded(ending, sites)
    void this.tellEnding({ type: 'ended', ending, members }).finally(() => this.outcome.reject(reason))
  }

  private async tellEnding(message: FounderMessage & { type: 'ended' }): Promise<void> {
    using deadline = this.init.clock.deadline(ANSWER_TIMEOUT_MS, this.over.signal)
    deadline.signal.addEventListener('abort', () => this.emptied.resolve())
    if (this.open().length === 0) return
    await this.broadcast((conversation) => conversation.send(message))
    await this.emptied.promise
  }

  private async listen(seat: Seat, conversation: Conversation): Promise<void> {
    const beat = new AbortController()
    void this.keepTelling(conversation, beat.signal)
    try {
      for (;;) {
        const message = await conversation.fromJoiner()
        if (message === null) return
        const member = this.memberAt(seat)
        if (message.type === 'declined' && member !== null && !this.signatures.has(member)) {
          this.end('declined', [member])
          continue
        }
        if (message.type !== 'signature' || this.plan === null) throw new Error(`${message.type} out of turn`)
        const signature = decodePlanSignature(message.signature)
        const fault = planSignatureFault(this.plan, signature)
        if (fault !== null) throw new Error(`a plan signature with a wrong ${fault}`)
        await this.takeSignature(this.plan, signature.member, signature.signature)
      }
    } finally {
      beat.abort()
    }
  }

  /** While all wait for others, or for a person, a word now and then shows that the link lives. */
  private async keepTelling(conversation: Conversation, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.init.clock.pause(WAITING_INTERVAL_MS, signal)
        if (this.stage === 'signing') await conversation.send({ type: 'signing', signed: this.signed() })
        if (this.stage !== 'open') continue
        await conversation.send({ type: 'waiting', sites: this.sites(), members: this.init.offer.offer.members })
      }
    } catch {
      // the stream has ended, and with it the waiting
    }
  }

  private async takeSignature(plan: Plan, member: number, signature: Uint8Array): Promise<void> {
    this.signatures.set(member, signature)
    if (this.stage !== 'signing' || this.signatures.size < plan.members.length) {
      if (this.stage === 'founded') await this.broadcast((conversation) => this.sendSignatures(conversation))
      if (this.stage === 'signing') await this.tellSigning(plan)
      return
    }
    this.stage = 'founded'
    await this.broadcast((conversation) => this.sendSignatures(conversation))
    this.outcome.resolve({ plan, signatures: this.inOrder(plan), addresses: this.addresses() })
  }

  private async tellSigning(plan: Plan): Promise<void> {
    const signed = this.signed()
    this.init.onSigning?.(plan, signed)
    await this.broadcast((conversation) => conversation.send({ type: 'signing', signed }))
  }

  private signed(): number[] {
    return [...this.signatures.keys()].sort((a, b) => a - b)
  }

  private async sendPlan(conversation: Conversation): Promise<void> {
    if (this.plan === null) return
    const { bytes: plan } = this.plan
    await conversation.send({ type: 'plan', plan, addresses: this.addresses(), asks: this.asks() })
    if (this.stage === 'founded') await this.sendSignatures(conversation)
  }

  private async sendSignatures(conversation: Conversation): Promise<void> {
    if (this.plan === null) return
    const { id } = this.plan
    const signatures = this.inOrder(this.plan).map((signature, member) => {
      return encodePlanSignature({ plan: id, member, signature })
    })
    await conversation.send({ type: 'signatures', signatures })
  }

  private inOrder(plan: Plan): Uint8Array[] {
    return plan.members.map(({ index }) => {
      const signature = this.signatures.get(index)
      if (signature === undefined) throw new Error(`member ${index} has not signed`)
      return signature
    })
  }

  private addresses(): MemberAddresses[] {
    return [...this.seats.values()].map(({ acceptance, addresses }) => ({ peer: acceptance.peer, addresses }))
  }

  /** To every open stream; one that fails has ended and lapses by itself. */
  private async broadcast(tell: (conversation: Conversation) => Promise<void>): Promise<void> {
    await Promise.all(this.open().map((conversation) => tell(conversation).catch(() => {})))
  }

  private open(): Conversation[] {
    return [...this.seats.values()].flatMap(({ conversation }) => conversation ?? [])
  }

  private fail(error: unknown): void {
    if (this.stage === 'founded') return
    this.stage = 'failed'
    this.outcome.reject(error)
  }
}

async function refuse(conversation: Conversation, reason: FoundingRefusal): Promise<void> {
  await conversation.send({ type: 'refused', reason, version: PROTOCOL_VERSION })
}
