/** The arguments of a peer, the values that its parts pass to each other, and its report at the end. */
import type { Founded } from '../protocols/founding/index.ts'
import type { Invitation } from '../protocols/plan/invitation.ts'
import type { OfferTerms, SealedOffer } from '../protocols/plan/offer.ts'
import type { Plan } from '../protocols/plan/plan.ts'
import type { SiteLabel } from '../protocols/plan/site-name.ts'
import type { CertifiedRound } from '../protocols/round/messages/certified-round.ts'
import type { Clock } from '../protocols/stream/time.ts'
import type { Signer } from '../protocols/wire/signing.ts'
import type { DataDirectory } from './disk/data-directory.ts'
import type { OutPlace } from './disk/out-directory.ts'
import type { KeptFederation } from './kept/federation.ts'
import type { Traffic } from './network/counted-tcp.ts'
import type { NodeInit, PeerNode } from './network/node.ts'
import type { RefusedMessages } from './network/refused.ts'
import type { PeerEvent, RoundReport, RoundSummary } from './round/events.ts'
import type { SentContribution, ServedBytes } from './round/ledger.ts'
import type { RoundTimes } from './round/timeline.ts'
import type { StatusAside, StatusBook } from './status/status-book.ts'
import type { Work } from './work/work.ts'

export interface PeerInit {
  data: DataDirectory
  place: OutPlace
  /**
   * Asks whether to sign the plan of all members; null: signs unasked. The signal: the answer is not needed any more.
   * An error that it throws ends the peer.
   */
  agree: ((plan: Plan, signal: AbortSignal) => Promise<boolean>) | null
  /** Multiaddr; null: this site only dials out. */
  listen: string | null
  announce?: string
  /** The HTTP proxy through which WebSockets are dialled. */
  proxy?: URL
  /**
   * `all`: dials every member whose address is known. `upstream`: keeps to the peer it joined through, and to whoever
   * joined through it (a star, a line).
   */
  connect?: 'all' | 'upstream'
  /** Facts that a later run wants back when it goes on: see peers/kept/federation.ts. */
  note?: object
  /** The last deed of the site, its report. Until it has been done, a later run goes on with the federation. */
  conclude?(result: PeerResult): Promise<void>
  /** Keep the merged blocks of every round in the data directory, for whoever evaluates them. */
  keepMerges?: boolean
  /** Where given, the peer tells other programs of this account how it goes: see peers/status/socket.ts. */
  aside?(): StatusAside
  signal: AbortSignal
  /** Deadlines and pauses; default: the system's. */
  clock?: Clock
  onEvent?(event: PeerEvent): void
  /** Its libp2p node is up: for metrics, and for tests that cut its links. */
  onNode?(node: PeerNode): void
  /** With `aside`: the book of what it would say of itself, for metrics. */
  onBook?(book: StatusBook): void
  /** Counts what its libp2p node does. */
  metrics?: NodeInit['metrics']
}

/** The part of a site: its name, its capacity (ppm), and the work that computes for it. */
export interface Site {
  site: string
  capacity: number
  /** @param directory - of the federation, in the data directory */
  work(directory: string): Work | Promise<Work>
}

export interface FoundInit extends PeerInit, Site {
  /** Everything that is computed; founder, nonce and version are added. */
  offer: Omit<OfferTerms, 'founder' | 'nonce'>
  /** 16 bytes each; default: random. A simulation derives them from its seed. */
  nonce?: Uint8Array
  secret?: Uint8Array
}

export interface JoinInit extends PeerInit {
  invitation: Invitation
  /** Checks the offer against this site's model and text; what it throws ends the peer before anything is sent. */
  prepare(offer: SealedOffer, sites: SiteLabel[]): Promise<Site>
}

export interface ResumeInit extends PeerInit, Pick<Site, 'work'> {
  kept: KeptFederation
}

export interface PeerResult {
  planId: string
  peerId: string
  /** Root of the merged layers. */
  root: string
  /** Ids, by round. */
  certificates: string[]
  /** All rounds, as their certificates tell, whichever process was there. */
  rounds: CertifiedRound[]
  last: RoundSummary
  /**
   * An earlier process of this site has taken part. `traffic`, `served`, `times`, `payloadBytes`, `contributions` and
   * `refused` begin with this one.
   */
  goesOn: boolean
  traffic: Traffic
  /** Bytes of blobs among those that were sent. */
  served: ServedBytes
  /** When members were heard in each round, since this process began. */
  times: RoundTimes[]
  /** Block -> figures of the last merge, for reports. */
  fits: RoundReport['fits']
  /** Bytes of the contributions that this peer has made. */
  payloadBytes: number
  /** The contributions that have left this site, and the members that fetched them. */
  contributions: SentContribution[]
  /** Messages that were not taken in. */
  refused: RefusedMessages[]
  /** In the order of the roster. */
  members: Array<{ site: string; peerId: string }>
  out: string
}

/** A peer between its start and its founding. */
export interface Starting {
  clock: Clock
  node: PeerNode
  signer: Signer
  tell(event: PeerEvent): void
  /** The facts that other programs are told; null: none. */
  book: StatusBook | null
  /** Makes a federation durable that all have signed. */
  keep(founded: Founded): Promise<KeptFederation>
}
