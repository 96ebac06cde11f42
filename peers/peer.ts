/**
 * A running peer, from its key to the written model.
 *
 * @example
 * await using data = await DataDirectory.open('/home/north/.local/state/coppice')
 * const founder = await found({ data, place, offer, site: 'north', capacity, work, agree: null, signal, onEvent })
 * const member = await join({ data, place, invitation, prepare: async (offer) => site, agree: null, signal, onEvent })
 * // both: { planId, peerId, root, certificates, rounds, traffic, payloadBytes, contributions, members, out }
 */
import { randomBytes } from 'node:crypto'
import { join as joinPath } from 'node:path'
import type { Connection, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { BLOB_PROTOCOL, blobClient, blobServer, MAX_STREAMS_PER_PEER } from '../protocols/blob/index.ts'
import {
  FOUNDING_PROTOCOL,
  type Founded,
  type FoundingWatcher,
  fetchOffer,
  foundingRelay,
  foundingServer,
  joinFounding,
  MAX_ADDRESSES,
  MAX_FOUNDING_STREAMS,
  type PlanSigner,
} from '../protocols/founding/index.ts'
import { type Greeting, HELLO_PROTOCOL, helloServer, MAX_HELLO_STREAMS } from '../protocols/hello/index.ts'
import { type Acceptance, makeAcceptance, SECRET_BYTES } from '../protocols/plan/acceptance.ts'
import { formatInvitation, type Invitation } from '../protocols/plan/invitation.ts'
import { makeOffer, NONCE_BYTES, type Offer, PROTOCOL_VERSION, type SealedOffer } from '../protocols/plan/offer.ts'
import { encodeSignedPlan, memberOf, type Plan } from '../protocols/plan/plan.ts'
import { peerIdText, type SiteLabel } from '../protocols/plan/site-name.ts'
import { bytesOf } from '../protocols/round/messages/messages.ts'
import type { Clock } from '../protocols/stream/time.ts'
import { MAX_SYNC_STREAMS, SYNC_PROTOCOL, type SyncComponents, syncServer } from '../protocols/sync/index.ts'
import { toHex } from '../protocols/wire/encoding.ts'
import type { Signer } from '../protocols/wire/signing.ts'
import { CertificateChain } from './disk/certificates.ts'
import type { DataDirectory } from './disk/data-directory.ts'
import { writeDurably } from './disk/files.ts'
import { Journal } from './disk/journal.ts'
import { Merges } from './disk/merges.ts'
import { OutDirectory, type OutPlace } from './disk/out-directory.ts'
import { BlobStore } from './disk/store.ts'
import type { Traffic } from './network/counted-tcp.ts'
import { Post } from './network/gossip.ts'
import { dialable, Neighbours } from './network/neighbours.ts'
import { type PeerNode, startNode } from './network/node.ts'
import { systemClock } from './round/clock.ts'
import { Driver } from './round/driver.ts'
import type { PeerEvent, RoundReport } from './round/events.ts'
import { federationOf } from './round/federation.ts'
import { Ledger, type SentContribution } from './round/ledger.ts'
import { outcomeError } from './round/outcome.ts'
import { PLAN_FILE, writeOutput } from './round/output.ts'
import type { Work } from './work/work.ts'

export interface PeerInit {
  data: DataDirectory
  place: OutPlace
  /**
   * Asks whether to sign the plan of all members; null: signs unasked. The signal: the answer is not needed any more.
   * What it throws ends the peer.
   */
  agree: ((plan: Plan, signal: AbortSignal) => Promise<boolean>) | null
  /** Multiaddr; default: any port on every interface; null: this site only dials out. */
  listen?: string | null
  announce?: string
  /**
   * `all`: dials every member whose address is known. `upstream`: keeps to the peer it joined through, and to whoever
   * joined through it (a star, a line).
   */
  connect?: 'all' | 'upstream'
  /** Keep the merged blocks of every round in the data directory, for whoever evaluates them. */
  keepMerges?: boolean
  signal: AbortSignal
  /** Deadlines and pauses; default: the system's. */
  clock?: Clock
  onEvent?(event: PeerEvent): void
  /** Its libp2p node is up: for metrics, and for tests that cut its links. */
  onNode?(node: PeerNode): void
}

/** What a site brings: its name, how much it takes on (ppm), and what it computes with. */
interface Site {
  site: string
  capacity: number
  /** @param directory - of the federation, in the data directory */
  work(directory: string): Work | Promise<Work>
}

export interface FoundInit extends PeerInit, Site {
  /** Everything that is computed; founder, nonce and version are added. */
  offer: Omit<Offer, 'version' | 'merge' | 'founder' | 'nonce'>
  /** 16 bytes each; default: random. A simulation derives them from its seed. */
  nonce?: Uint8Array
  secret?: Uint8Array
}

export interface JoinInit extends PeerInit {
  invitation: Invitation
  /** Checks the offer against this site's model and text; what it throws ends the peer before anything is sent. */
  prepare(offer: SealedOffer, sites: SiteLabel[]): Promise<Site>
}

export interface PeerResult {
  planId: string
  peerId: string
  /** Root of the merged layers. */
  root: string
  /** Ids, by round. */
  certificates: string[]
  rounds: RoundReport[]
  traffic: Traffic
  /** Bytes of the contributions that this peer has made. */
  payloadBytes: number
  /** What has left this site, and to whom. */
  contributions: SentContribution[]
  /** In the order of the roster. */
  members: Array<{ site: string; peerId: string }>
  out: string
}

/** Founds a federation and takes part in it. @throws {CoppiceError} as the exit codes say; the signal's reason */
export function found(init: FoundInit): Promise<PeerResult> {
  return live(init, init.offer.members, async (peer) => {
    const { clock, node, signer } = peer
    const secret = init.secret ?? new Uint8Array(randomBytes(SECRET_BYTES))
    const nonce = init.nonce ?? new Uint8Array(randomBytes(NONCE_BYTES))
    const offer = makeOffer({ ...init.offer, founder: signer.peerId, nonce })
    const own = acceptanceOf(signer, offer, secret, init)
    const addresses = node.printableAddresses().slice(0, MAX_ADDRESSES)
    const server = foundingServer({
      offer,
      secret,
      own,
      addresses,
      ...signing(init, peer),
      clock,
    })
    await node.handle(FOUNDING_PROTOCOL, server.handle, MAX_FOUNDING_STREAMS)
    peer.tell({ type: 'listening', addresses })
    const [address] = addresses
    if (address !== undefined) {
      peer.tell({ type: 'invitation', line: formatInvitation({ address, offer: offer.hash, secret }) })
    }
    peer.tell({ type: 'waiting', sites: [{ peer: own.peer, site: own.site }], members: offer.offer.members })
    return { founded: await server.founded(init.signal), site: init, upstream: null }
  })
}

/** Joins the federation of an invitation. @throws {CoppiceError} as the exit codes say; the signal's reason */
export function join(init: JoinInit): Promise<PeerResult> {
  // How many members there are is known with the offer; connection limits have a floor that is enough until then.
  return live(init, 0, async (peer) => {
    const { invitation, signal } = init
    const { clock, node, signer } = peer
    const upstream = new Upstream(node, multiaddr(invitation.address))
    const open = (stop: AbortSignal) => upstream.open(stop)
    const components = { open, clock, signal }
    await upstream.connect(signal)
    const { offer, sites } = await fetchOffer(invitation.offer, components)
    const site = await init.prepare(offer, sites)
    signal.throwIfAborted()
    await node.handle(FOUNDING_PROTOCOL, foundingRelay({ open, clock, signal }), MAX_FOUNDING_STREAMS)
    const addresses = node.printableAddresses().slice(0, MAX_ADDRESSES)
    peer.tell({ type: 'listening', addresses })
    const founded = await joinFounding(
      {
        offer,
        secret: invitation.secret,
        acceptance: acceptanceOf(signer, offer, invitation.secret, site),
        addresses,
        ...signing(init, peer),
      },
      components,
    )
    return { founded, site, upstream: upstream.peerId }
  })
}

/** How this peer signs a plan, and what it tells while the others do. */
function signing({ agree, data }: PeerInit, { signer, tell }: Starting): Signing {
  return {
    asks: agree !== null,
    async sign(plan, signal) {
      const isAgreed = agree === null || data.signedPlans.has(plan) || (await agree(plan, signal))
      return isAgreed ? data.signedPlans.sign(signer, plan) : null
    },
    onWaiting: (sites, members) => tell({ type: 'waiting', sites, members }),
    onSigning: (plan, signed) => tell({ type: 'signing', plan, signed }),
  }
}

interface Signing extends FoundingWatcher {
  asks: boolean
  sign: PlanSigner
}

function acceptanceOf(signer: Signer, offer: SealedOffer, secret: Uint8Array, { site, capacity }: Site): Acceptance {
  return makeAcceptance(signer, { offer: offer.hash, secret, site, capacity })
}

/** The neighbour towards the founder. A link that was lost is taken up again. */
class Upstream {
  peerId: string | null = null
  private readonly node: PeerNode
  private readonly address: Multiaddr
  private connection: Connection | null = null

  constructor(node: PeerNode, address: Multiaddr) {
    this.node = node
    this.address = address
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    if (this.connection?.status !== 'open') this.connection = await this.node.dial(this.address, signal)
    this.peerId = this.connection.remotePeer.toString()
    return this.connection
  }

  async open(signal: AbortSignal) {
    return (await this.connect(signal)).newStream(FOUNDING_PROTOCOL, { signal })
  }
}

/** A peer between its start and its founding. */
interface Starting {
  clock: Clock
  node: PeerNode
  signer: Signer
  tell(event: PeerEvent): void
}

interface Ready {
  founded: Founded
  site: Site
  upstream: string | null
}

/** The frame of a peer's life: opens, founds, runs, and closes what it opened, whatever happens. */
async function live(init: PeerInit, members: number, begin: (peer: Starting) => Promise<Ready>): Promise<PeerResult> {
  init.signal.throwIfAborted()
  await using closing = new AsyncDisposableStack()
  const { data } = init
  const { privateKey, signer } = data
  const place = closing.use(await OutDirectory.open(init.place))
  const node = await startNode({ privateKey, members, listen: init.listen, announce: init.announce })
  closing.defer(() => node.stop())
  init.onNode?.(node)
  const tell = (event: PeerEvent) => init.onEvent?.(event)
  const clock = init.clock ?? systemClock
  const starting = { clock, node, signer, tell }
  const ready = await begin(starting)
  const { plan } = ready.founded
  const directory = await data.federation(plan)
  const journal = await Journal.open(directory)
  closing.defer(() => journal.close())
  const out = await place.settle(plan.id)
  const work = await ready.site.work(directory)
  return await take(init, { ...starting, ...ready, directory, out, journal, work })
}

/** A peer of a federation. */
interface Taking extends Starting, Ready {
  /** Of the federation, in the data directory. */
  directory: string
  out: string
  journal: Journal
  work: Work
}

/** Takes part in the rounds of a federation that is founded. */
async function take(init: PeerInit, peer: Taking): Promise<PeerResult> {
  const { clock, directory, founded, journal, node, out, signer, tell, upstream, work } = peer
  const { plan, signatures } = founded
  const planId = toHex(plan.id)
  tell({ type: 'founded', plan, planId, out })
  await writeDurably(joinPath(directory, PLAN_FILE), encodeSignedPlan({ plan, signatures }))
  const federation = federationOf(plan)
  const store = await BlobStore.open(joinPath(directory, 'blobs'))
  const chain = await CertificateChain.open(joinPath(directory, 'certificates'), plan, federation)
  const merges = new Merges(joinPath(directory, 'merges'), work, (root) => store.path(root))
  const peerIds = plan.members.map(({ peer: bytes }) => peerIdText(bytes))
  node.closeRoster(peerIds)

  const blobs = blobClient({
    neighbours: () => node.neighbours().keys(),
    open: (id, signal) => node.open(id, BLOB_PROTOCOL, signal),
    clock,
    random: Math.random,
    onLiar: (id, error) => tell({ type: 'note', text: `${id} is not asked again: ${error.message}` }),
  })
  const self = memberOf(plan, signer.peerId)?.index ?? -1
  const ledger = new Ledger(() => clock.date())
  const driver = new Driver({
    plan,
    federation,
    self,
    signer,
    work,
    store,
    merges,
    journal,
    chain,
    blobs,
    clock,
    peerIds,
    traffic: () => node.traffic(),
    catchUp: (member) => neighbours.syncNow(peerIds[member]),
    finish: async (last, signal) => {
      tell({ type: 'writing', directory: out })
      await writeOutput({ out, signed: { plan, signatures }, chain, store, work, last, signal })
      tell({ type: 'serving', own: last.value.entries.filter(({ member }) => member === self) })
    },
    keepMerges: init.keepMerges ?? false,
    onEvent(event) {
      if (event.type === 'announced') ledger.announced(event.round, event.list)
      tell(event)
    },
  })
  const post = new Post({
    plan,
    publish: (bytes) => node.publish(bytes),
    onMessage: (envelope) => driver.handIn({ type: 'message', envelope }),
  })
  const sync = syncOf(driver, chain, post, node, clock)
  const neighbours = new Neighbours({
    node,
    clock,
    random: Math.random,
    greeting: () => greetingOf(plan, chain),
    sync,
    addresses: addressesOf(peer, init.connect ?? 'all'),
    upstream,
    onNeighbour: () => {
      blobs.wake()
      tell({ type: 'neighbours', connected: node.neighbours().size, members: plan.members.length })
    },
    onNote: (text) => tell({ type: 'note', text }),
  })
  await serve({ plan, chain, driver, ledger, node, store, sync })
  node.joinTopic(`/coppice/${planId}`, (bytes) => post.receive(bytes))
  neighbours.start()
  try {
    const { detail, reason } = await driver.run(post, init.signal)
    if (reason !== 'done') throw outcomeError(reason, detail, directory)
    if (!init.keepMerges) await merges.retain(new Set())
    const root = driver.reports.at(-1)?.value.merged ?? chain.last?.value.merged ?? ''
    return {
      planId,
      peerId: node.peerId,
      root,
      certificates: chain.ids(),
      rounds: driver.reports,
      traffic: node.traffic(),
      payloadBytes: driver.payloadBytes,
      contributions: ledger.contributions(),
      members: plan.members.map(({ site }, index) => ({ site, peerId: peerIds[index] })),
      out,
    }
  } finally {
    await neighbours.end()
  }
}

interface Serving {
  plan: Plan
  chain: CertificateChain
  driver: Driver
  ledger: Ledger
  node: PeerNode
  store: BlobStore
  sync: SyncComponents
}

/** Answers what other members ask. */
async function serve({ plan, chain, driver, ledger, node, store, sync }: Serving): Promise<void> {
  const isMember = (id: PeerId) => node.isMember(id)
  const { clock } = sync
  const asked = () => driver.handIn({ type: 'asked' })
  const onServed = (id: string, peer: PeerId) => ledger.served(id, peer.toString())
  const blobs = blobServer({ source: store, clock, admits: isMember, onAsked: asked, onServed })
  const hello = helloServer({ own: () => greetingOf(plan, chain), isMember, clock })
  await node.handle(BLOB_PROTOCOL, blobs.handle, MAX_STREAMS_PER_PEER)
  await node.handle(HELLO_PROTOCOL, hello, MAX_HELLO_STREAMS)
  await node.handle(SYNC_PROTOCOL, syncServer({ ...sync, onBehind: asked }), MAX_SYNC_STREAMS)
}

function syncOf(driver: Driver, chain: CertificateChain, post: Post, node: PeerNode, clock: Clock): SyncComponents {
  return {
    source: {
      rounds: () => chain.rounds,
      certificate: (round) => chain.read(round),
      messages: () => driver.messages(),
      takeEnvelope: (bytes) => post.receiveLate(bytes),
      takeCertificate: (bytes) => driver.takeCertificate(bytes),
    },
    isMember: (id) => node.isMember(id),
    clock,
  }
}

function greetingOf(plan: Plan, chain: CertificateChain): Greeting {
  const certificate = chain.last === null ? null : bytesOf(chain.last.id)
  return { version: PROTOCOL_VERSION, plan: plan.id, model: plan.offer.model.hash, certificate, rounds: chain.rounds }
}

/** Whom this peer may dial, by peer id. */
function addressesOf({ founded, upstream }: Ready, connect: 'all' | 'upstream'): Map<string, Multiaddr[]> {
  const known = founded.addresses.map(({ peer, addresses }) => {
    const id = peerIdText(peer)
    return [id, dialable(id, addresses)] as const
  })
  return new Map(known.filter(([id, addresses]) => addresses.length > 0 && (connect === 'all' || id === upstream)))
}
