/**
 * Signed messages in and out, by gossip and by anti-entropy: each is checked once, handed on once, and known by its
 * short id.
 */

import type { Plan } from '../../protocols/plan/plan.ts'
import { peerIdText } from '../../protocols/plan/site-name.ts'
import {
  culpritOf,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  envelopeFault,
} from '../../protocols/round/messages/messages.ts'
import { messageId } from '../../protocols/sync/index.ts'
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'
import { Allowance } from './allowance.ts'
import * as limits from './constants.ts'
import type { GossipVerdict } from './node.ts'
import { Refused } from './refused.ts'

interface PostComponents {
  plan: Plan
  /** @param isWide - to all neighbours at once; else as a message of another member is passed on */
  publish(bytes: Uint8Array, isWide: boolean): Promise<void>
  /** Whether a checked message can change nothing any more. */
  isStale(envelope: Envelope): boolean
  /** A checked message that is new. */
  onMessage(envelope: Envelope): void
  /** Milliseconds; never goes back. */
  now(): number
  /** A neighbour (peer id as text) sends what no honest peer would: close its link. Told once. */
  onHostile(neighbour: string): void
}

export class Post {
  private readonly components: PostComponents
  /**
   * Messages that are remembered as seen: two generations, each of as many as all members may send at once. Those that
   * come again later are stale.
   */
  private readonly generation: number
  private recent = new Set<string>()
  private older = new Set<string>()
  private readonly encoded = new WeakMap<Envelope, { id: string; bytes: Uint8Array }>()
  /** The last status of each member: anti-entropy carries it, so that all hear when the others are done. */
  private readonly statuses = new Map<number, Envelope>()
  /** The neighbour (peer id as text) that brought the last message of each member. */
  private readonly carriers = new Map<number, string>()
  private readonly convicts = new Set<number>()
  /** One entry a member; a convict's are counted apart. */
  private readonly authors: Allowance<number>
  private readonly convicted: Allowance<number>
  /** One entry a neighbour. */
  private readonly links: Allowance<string>
  private readonly hostile = new Set<string>()
  readonly refused = new Refused()

  constructor(components: PostComponents) {
    this.components = components
    const { now, plan } = components
    this.generation = limits.AUTHOR_BURST * plan.members.length
    this.authors = new Allowance({ burst: limits.AUTHOR_BURST, aSecond: limits.AUTHOR_MESSAGES_A_SECOND, now })
    this.convicted = new Allowance({ burst: limits.CONVICT_BURST, aSecond: limits.CONVICT_MESSAGES_A_SECOND, now })
    this.links = new Allowance({ burst: limits.LINK_FAULTS, aSecond: 1 / limits.LINK_FAULT_SECONDS, now })
  }

  /** Takes in a message from gossip. @param neighbour - peer id as text; null: it did not come by gossip */
  receive(bytes: Uint8Array, neighbour: string | null): GossipVerdict {
    const id = messageId(bytes)
    if (this.recent.has(id) || this.older.has(id)) return 'ignore'
    const envelope = this.check(bytes, neighbour)
    if (typeof envelope === 'string') {
      if (envelope === 'reject') this.blame(neighbour)
      return envelope
    }
    const author = peerIdText(this.components.plan.members[envelope.from].peer)
    // Old messages that somebody else sends again must not use up what their author may send.
    if (author !== neighbour && this.components.isStale(envelope)) return 'ignore'
    if (!this.mayStillSend(envelope.from)) {
      this.refused.count(author, 'excess')
      // Whoever passes a flood on has passed on no more than is allowed; other parts of it came another way.
      if (author === neighbour) this.blame(neighbour)
      return 'ignore'
    }
    this.remember(envelope, id, bytes)
    if (neighbour !== null) this.carriers.set(envelope.from, neighbour)
    this.components.onMessage(envelope)
    return 'accept'
  }

  /**
   * Takes in a message from anti-entropy, and passes it on: gossip has lost it, so others may lack it as well. A status
   * is followed by the next one soon, and where gossip is late all would pass on all.
   * @throws no honest peer has this message
   */
  receiveLate(bytes: Uint8Array): void {
    const verdict = this.receive(bytes, null)
    if (verdict === 'accept' && decodeEnvelope(bytes).body.type !== 'status') this.publish(bytes, false)
    if (verdict === 'reject') throw new Error('a message that is malformed or forged')
  }

  /** The message; or the verdict on what is none of this federation's. */
  private check(bytes: Uint8Array, neighbour: string | null): Envelope | GossipVerdict {
    try {
      const envelope = decodeEnvelope(bytes)
      const fault = envelopeFault(this.components.plan, envelope)
      if (fault === null) return envelope
      // A message of an old plan is nobody's fault. The peer that passed it on should have found any other fault.
      if (fault === 'plan') return 'ignore'
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error
    }
    this.refused.count(neighbour, 'rejected')
    return 'reject'
  }

  private mayStillSend(author: number): boolean {
    return (this.convicts.has(author) ? this.convicted : this.authors).take(author)
  }

  private blame(neighbour: string | null): void {
    if (neighbour === null || this.hostile.has(neighbour) || this.links.take(neighbour)) return
    this.hostile.add(neighbour)
    this.components.onHostile(neighbour)
  }

  /** Publishes a message of this peer. A status is one of many, and may take its time. */
  send(envelope: Envelope): void {
    const bytes = encodeEnvelope(envelope)
    this.remember(envelope, messageId(bytes), bytes)
    this.components.onMessage(envelope)
    this.publish(bytes, envelope.body.type !== 'status')
  }

  /** The messages that anti-entropy compares, by short id: these and the last status of each member. */
  index(held: readonly Envelope[]): Map<string, Uint8Array> {
    return new Map([...this.statuses.values(), ...held].map((envelope) => this.wire(envelope)))
  }

  /** The neighbour through which a member was heard last, which is nearer to it than most; undefined: there is none. */
  carrierOf(author: number): string | undefined {
    return this.carriers.get(author)
  }

  private publish(bytes: Uint8Array, isWide: boolean): void {
    // Without a neighbour nobody can hear it yet; anti-entropy sends it later.
    this.components.publish(bytes, isWide).catch(() => {})
  }

  private wire(envelope: Envelope): [string, Uint8Array] {
    let known = this.encoded.get(envelope)
    if (known === undefined) {
      const bytes = encodeEnvelope(envelope)
      known = { id: messageId(bytes), bytes }
      this.encoded.set(envelope, known)
    }
    return [known.id, known.bytes]
  }

  private remember(envelope: Envelope, id: string, bytes: Uint8Array): void {
    if (this.recent.size >= this.generation) {
      this.older = this.recent
      this.recent = new Set()
    }
    this.recent.add(id)
    if (envelope.body.type === 'evidence') this.convicts.add(culpritOf(this.components.plan, envelope.body) ?? -1)
    this.encoded.set(envelope, { id, bytes })
    if (envelope.body.type !== 'status') return
    const last = this.statuses.get(envelope.from)?.body
    if (last?.type !== 'status' || last.beat < envelope.body.beat) this.statuses.set(envelope.from, envelope)
  }
}
