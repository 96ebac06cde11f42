/**
 * Signed messages in and out, by gossip and by anti-entropy: each is checked once, handed on once, and known by its
 * short id.
 */

import type { Plan } from '../../protocols/plan/plan.ts'
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  envelopeFault,
} from '../../protocols/round/messages/messages.ts'
import { messageId } from '../../protocols/sync/index.ts'
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'
import type { GossipVerdict } from './node.ts'

/**
 * Messages that are remembered as seen: two generations of this many. A round of 64 members has some 200 an attempt.
 */
const GENERATION = 20_000

interface PostComponents {
  plan: Plan
  publish(bytes: Uint8Array): Promise<void>
  /** A checked message that is new. */
  onMessage(envelope: Envelope): void
}

export class Post {
  private readonly components: PostComponents
  private recent = new Set<string>()
  private older = new Set<string>()
  private readonly encoded = new WeakMap<Envelope, { id: string; bytes: Uint8Array }>()
  /** The last status of each member: anti-entropy carries it, so that all hear when the others are done. */
  private readonly statuses = new Map<number, Envelope>()

  constructor(components: PostComponents) {
    this.components = components
  }

  /** Takes in a message from gossip. */
  receive(bytes: Uint8Array): GossipVerdict {
    const id = messageId(bytes)
    if (this.recent.has(id) || this.older.has(id)) return 'ignore'
    let envelope: Envelope
    try {
      envelope = decodeEnvelope(bytes)
    } catch (error) {
      if (error instanceof MalformedMessageError) return 'reject'
      throw error
    }
    const fault = envelopeFault(this.components.plan, envelope)
    // A message of an old plan is nobody's fault. Any other fault should have been found by the peer that passed it on.
    if (fault !== null) return fault === 'plan' ? 'ignore' : 'reject'
    this.remember(envelope, id, bytes)
    this.components.onMessage(envelope)
    return 'accept'
  }

  /** Takes in a message from anti-entropy, and passes it on: gossip has lost it, so others may lack it as well. */
  receiveLate(bytes: Uint8Array): void {
    if (this.receive(bytes) === 'accept') this.publish(bytes)
  }

  /** Publishes a message of this peer. */
  send(envelope: Envelope): void {
    const bytes = encodeEnvelope(envelope)
    this.remember(envelope, messageId(bytes), bytes)
    this.components.onMessage(envelope)
    this.publish(bytes)
  }

  /** The messages that anti-entropy compares, by short id: these and the last status of each member. */
  index(held: readonly Envelope[]): Map<string, Uint8Array> {
    return new Map([...this.statuses.values(), ...held].map((envelope) => this.wire(envelope)))
  }

  private publish(bytes: Uint8Array): void {
    // Without a neighbour nobody can hear it yet; anti-entropy sends it later.
    this.components.publish(bytes).catch(() => {})
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
    if (this.recent.size >= GENERATION) {
      this.older = this.recent
      this.recent = new Set()
    }
    this.recent.add(id)
    this.encoded.set(envelope, { id, bytes })
    if (envelope.body.type !== 'status') return
    const last = this.statuses.get(envelope.from)?.body
    if (last?.type !== 'status' || last.beat < envelope.body.beat) this.statuses.set(envelope.from, envelope)
  }
}
