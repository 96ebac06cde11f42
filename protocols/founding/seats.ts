/** The seats of a founding: one for each acceptance, as long as its stream is open or a plan names it. */
import { type Acceptance, acceptanceFault } from '../plan/acceptance.ts'
import type { SealedOffer } from '../plan/offer.ts'
import type { SiteLabel } from '../plan/site-name.ts'
import { equalBytes, toHex } from '../wire/encoding.ts'
import type { Conversation } from './conversation.ts'
import { type FoundingRefusal, type JoinerMessage, type MemberAddresses, openAcceptance } from './messages.ts'

export interface Seat {
  acceptance: Acceptance
  addresses: string[]
  /** Whether a person is asked before this site signs. */
  asks: boolean
  /** Null: the founder itself, or a stream that has ended. */
  conversation: Conversation | null
}

interface SeatsInit {
  offer: SealedOffer
  secret: Uint8Array
  /** The founder's own. */
  own: Acceptance
  addresses: string[]
  asks: boolean
}

export class Seats {
  private readonly init: SeatsInit
  /** Seats by peer id in hexadecimal, in the order in which they were taken: the founder first. */
  private readonly seats = new Map<string, Seat>()

  constructor(init: SeatsInit) {
    this.init = init
    const { own, addresses, asks } = init
    this.seats.set(toHex(own.peer), { acceptance: own, addresses, asks, conversation: null })
  }

  get areTaken(): boolean {
    return this.seats.size >= this.init.offer.offer.members
  }

  /** Whether a person is asked anywhere. */
  get ask(): boolean {
    return this.all().some(({ asks }) => asks)
  }

  /**
   * The seat that this acceptance gets or has, or the reason why it gets none.
   * @param closed - the reason why no new seat is given; null: free seats are given until all are taken
   */
  claim(accept: JoinerMessage & { type: 'accept' }, closed: FoundingRefusal | null): Seat | FoundingRefusal {
    const acceptance = this.read(accept.acceptance)
    if (typeof acceptance === 'string') return acceptance
    const key = toHex(acceptance.peer)
    const held = this.seats.get(key)
    if (held !== undefined) return this.reclaim(held, acceptance)
    if (closed !== null || this.areTaken) return closed ?? 'full'
    const seat = { acceptance, addresses: accept.addresses, asks: accept.asks, conversation: null }
    this.seats.set(key, seat)
    return seat
  }

  free({ acceptance }: Seat): void {
    this.seats.delete(toHex(acceptance.peer))
  }

  acceptances(): Acceptance[] {
    return this.all().map(({ acceptance }) => acceptance)
  }

  sites(): SiteLabel[] {
    return this.acceptances().map(({ peer, site }) => ({ peer, site }))
  }

  addresses(): MemberAddresses[] {
    return this.all().map(({ acceptance, addresses }) => ({ peer: acceptance.peer, addresses }))
  }

  /** Streams that are open. */
  open(): Conversation[] {
    return this.all().flatMap(({ conversation }) => conversation ?? [])
  }

  /** Sends to every open stream. A stream that fails has ended and frees its seat by itself. */
  async broadcast(tell: (conversation: Conversation) => Promise<void>): Promise<void> {
    await Promise.all(this.open().map((conversation) => tell(conversation).catch(() => {})))
  }

  private all(): Seat[] {
    return [...this.seats.values()]
  }

  private read(bytes: Uint8Array): Acceptance | FoundingRefusal {
    const acceptance = openAcceptance(bytes)
    if (acceptance === 'acceptance') return acceptance
    const fault = acceptanceFault(acceptance, this.init.offer.hash, this.init.secret)
    if (fault === null) return acceptance
    return fault === 'signature' || fault === 'name' ? 'acceptance' : fault
  }

  /** A member whose stream broke after the plan was sent comes back with the very same acceptance. */
  private reclaim(seat: Seat, acceptance: Acceptance): Seat | FoundingRefusal {
    const same = equalBytes(seat.acceptance.signature, acceptance.signature)
    return seat.conversation === null && same && seat.acceptance !== this.init.own ? seat : 'member'
  }
}
