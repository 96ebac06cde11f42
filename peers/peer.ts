/**
 * A running peer, from its key to the written model.
 *
 * @example
 * const founder = await found({ place, offer, secret, site: 'north', capacity, work, signal, onEvent })
 * const member = await join({ place, invitation, prepare: async (offer) => ({ site, capacity, work }), signal, onEvent })
 * // both: { planId, peerId, root, certificates, rounds, traffic, payloadBytes, contributions, members, out }
 */
import { randomBytes } from 'node:crypto'
import { join as joinPath } from 'node:path'
import type { Connection, Ed25519PrivateKey, PeerId } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'
import { type Acceptance, makeAcceptance, SECRET_BYTES } from '../protocols/acceptance.ts'
import { BLOB_PROTOCOL, blobClient, blobServer, MAX_STREAMS_PER_PEER } from '../protocols/blob/index.ts'
import { toHex } from '../protocols/encoding.ts'
import {
  FOUNDING_PROTOCOL,
  type Founded,
  fetchOffer,
  foundingRelay,
  foundingServer,
  joinFounding,
  MAX_ADDRESSES,
  MAX_FOUNDING_STREAMS,
} from '../protocols/founding/index.ts'
import { type Greeting, HELLO_PROTOCOL, helloServer, MAX_HELLO_STREAMS } from '../protocols/hello/index.ts'
import { formatInvitation, type Invitation } from '../protocols/invitation.ts'
import { makeOffer, NONCE_BYTES, type Offer, PROTOCOL_VERSION, type SealedOffer } from '../protocols/offer.ts'
import { encodeSignedPlan, memberOf, type Plan } from '../protocols/plan.ts'
import { bytesOf } from '../protocols/round/messages.ts'
import { type Signer, signerOf } from '../protocols/signing.ts'
import type { Clock } from '../protocols/stream/time.ts'
import { MAX_SYNC_STREAMS, SYNC_PROTOCOL, type SyncComponents, syncServer } from '../protocols/sync/index.ts'
import { CertificateChain } from './certificates.ts'
import { systemClock } from './clock.ts'
import type { Traffic } from './counted-tcp.ts'
import { type Directories, PeerDirectories, type Place } from './directories.ts'
import { Driver } from './driver.ts'
import type { PeerEvent, RoundReport } from './events.ts'
import { federationOf } from './federation.ts'
import { writeDurably } from './files.ts'
import { identityOf } from './identity.ts'
import { Journal } from './journal.ts'
import { Ledger, type SentContribution } from './ledger.ts'
import { type DirectoryLock, lockDirectory } from './lock.ts'
import { Merges } from './merges.ts'
import { dialable, Neighbours } from './neighbours.ts'
import { type PeerNode, startNode } from './node.ts'
import { outcomeError } from './outcome.ts'
import { PLAN_FILE, writeOutput } from './output.ts'
import { Post } from './post.ts'
import { BlobStore } from './store.ts'
import type { Work } from './work.ts'

export interface PeerInit {
  place: Place
  /** Default: the key in the data directory, made where there is none. */
  privateKey?: Ed25519PrivateKey
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
export interface Site {
  site: string
  capacity: number
  work: Work
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
  prepare(offer: SealedOffer): Promise<Site>
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
      sign: (plan) => peer.journal.signPlan(signer, plan),
      clock,
      onJoined: (joined, members) => peer.tell({ type: 'waiting', joined, members }),
    })
    await node.handle(FOUNDING_PROTOCOL, server.handle, MAX_FOUNDING_STREAMS)
    peer.tell({ type: 'listening', addresses })
    const [address] = addresses
    if (address !== undefined) {
      peer.tell({ type: 'invitation', line: formatInvitation({ address, offer: offer.hash, secret }) })
    }
    peer.tell({ type: 'waiting', joined: 1, members: offer.offer.members })
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
    const offer = await fetchOffer(invitation.offer, components)
    peer.tell({ type: 'offer', offer })
    const site = await init.prepare(offer)
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
        sign: (plan) => peer.journal.signPlan(signer, plan),
        onWaiting: (joined, members) => peer.tell({ type: 'waiting', joined, members }),
      },
      components,
    )
    return { founded, site, upstream: upstream.peerId }
  })
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
  journal: Journal
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
  const directories = closing.use(await PeerDirectories.open(init.place))
  const { data } = directories
  let lock: DirectoryLock | null = await lockDirectory(data)
  closing.defer(async () => lock?.release())
  const privateKey = init.privateKey ?? (await identityOf(data))
  let journal: Journal | null = await Journal.open(data)
  closing.defer(async () => journal?.close())
  const node = await startNode({ privateKey, members, listen: init.listen, announce: init.announce })
  closing.defer(() => node.stop())
  init.onNode?.(node)
  const tell = (event: PeerEvent) => init.onEvent?.(event)
  const signer = signerOf(privateKey.raw)
  const clock = init.clock ?? systemClock
  const ready = await begin({ clock, node, signer, journal, tell })
  // The data directory may get its name only now: nothing in it may be open while it moves.
  await journal.close()
  await lock.release()
  journal = null
  lock = null
  const settled = await directories.settle(ready.founded.plan.id)
  lock = await lockDirectory(settled.data)
  journal = await Journal.open(settled.data)
  return await take(init, settled, { clock, node, signer, journal, tell }, ready)
}

/** Takes part in the rounds of a federation that is founded. */
async function take(init: PeerInit, directories: Directories, peer: Starting, ready: Ready): Promise<PeerResult> {
  const { data, out } = directories
  const { clock, journal, node, signer, tell } = peer
  const { plan, signatures } = ready.founded
  const { work } = ready.site
  const planId = toHex(plan.id)
  tell({ type: 'founded', plan, planId, out })
  await writeDurably(joinPath(data, PLAN_FILE), encodeSignedPlan({ plan, signatures }))
  const federation = federationOf(plan)
  const store = await BlobStore.open(joinPath(data, 'blobs'))
  const chain = await CertificateChain.open(joinPath(data, 'certificates'), plan, federation)
  const merges = new Merges(joinPath(data, 'merges'), work, (root) => store.path(root))
  const peerIds = plan.members.map(({ peer: bytes }) => peerIdOf(bytes).toString())
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
    addresses: addressesOf(ready, init.connect ?? 'all'),
    upstream: ready.upstream,
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
    if (reason !== 'done') throw outcomeError(reason, detail, data)
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
    const id = peerIdOf(peer).toString()
    return [id, dialable(id, addresses)] as const
  })
  return new Map(known.filter(([id, addresses]) => addresses.length > 0 && (connect === 'all' || id === upstream)))
}

function peerIdOf(bytes: Uint8Array): PeerId {
  const digest = Digest.decode(bytes)
  if (digest.code !== 0) throw new RangeError('not the peer id of an Ed25519 key')
  return peerIdFromMultihash(digest)
}
