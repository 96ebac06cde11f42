/**
 * A peer's libp2p node: TCP or WebSockets, Noise, yamux, gossipsub, identify, ping. Everything here that departs from
 * the defaults does so because they fail a federation, most of them on one machine or behind one NAT: addresses are
 * scored as Sybils beyond ten peers, five connections a second are accepted from one host, and gossip that is too
 * long mutes its link.
 */
import { createHash } from 'node:crypto'
import {
  type GossipSub,
  gossipsub,
  type Message,
  type PublishResult,
  StrictNoSign,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Ed25519PrivateKey, Libp2p, PeerId, Stream, StreamHandler } from '@libp2p/interface'
import { type Ping, ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pInit } from 'libp2p'
import { MAX_GOSSIP_BYTES } from '../../protocols/round/messages/constants.ts'
import { NetworkError } from '../../src/base/errors.ts'
import { systemClock } from '../round/clock.ts'
import { addressesToTell, parseAddress, parseListenAddress, peerIdOfAddress, withPeerId } from './addresses.ts'
import * as limits from './constants.ts'
import { countedTcp, type Traffic, TrafficCounter } from './counted-tcp.ts'
import { oneTooMany } from './crowd.ts'
import { setDegree } from './degree.ts'
import { RosterGater } from './gater.ts'
import { CrowdedAddressError, PendingConnections } from './pending.ts'
import { scoreTopic } from './score.ts'
import { rememberProtocols } from './sparing/known-protocols.ts'
import { sparingNoise, sparingYamux } from './sparing/packets.ts'
import { NoWebSocketError } from './websockets/dial.ts'
import { countedWebSockets } from './websockets/transport.ts'

export interface NodeInit {
  privateKey: Ed25519PrivateKey
  /** The number of members of the federation, 0 where it is not known yet. It decides the limits on connections. */
  members: number
  /** The address to listen on; null for a site that can only dial out. */
  listen: string | null
  /** An address that others can reach, if it is none of this machine's own. */
  announce?: string
  /** An HTTP proxy through which WebSockets are dialled; TCP is dialled directly. */
  proxy?: URL
  /** Counts what the node does. */
  metrics?: Libp2pInit['metrics']
}

/** The verdict on a gossip message: passed on, silently dropped, or counted against its sender. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'
/** Verifies a message before anything is forwarded, and takes it in. */
type GossipHandler = (bytes: Uint8Array, from: PeerId) => GossipVerdict

/** gossipsub, with an option of `publish` that its types leave out. */
interface Gossip extends GossipSub {
  publish(topic: string, data?: Uint8Array, options?: { floodPublish: boolean }): Promise<PublishResult>
}

/** The services under the names that they have in libp2p. */
interface NodeServices extends Record<string, unknown> {
  pubsub: Gossip
  identify: Identify
  ping: Ping
  listeners: { addresses(): Multiaddr[] }
}

const VERDICTS: Record<GossipVerdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/**
 * Makes and starts a node.
 * @throws {NetworkError} the port is taken or the address is not this machine's
 * @throws {UsageError} listen or announce is no address
 */
export async function startNode(init: NodeInit): Promise<PeerNode> {
  const counter = new TrafficCounter()
  const roster = new RosterGater(() => node.strangers().length)
  const { listen } = init
  const listens = listen === null ? [] : [parseListenAddress(listen)]
  const announces = init.announce === undefined ? [] : [parseAddress(init.announce, '--announce')]
  const inbound = Math.max(limits.MIN_INBOUND_CONNECTIONS, 2 * init.members)
  const pending = new PendingConnections(inbound)
  const libp2p = await createLibp2p<NodeServices>({
    start: false,
    privateKey: init.privateKey,
    addresses: { listen: listens.map(String), announce: announces.map(String) },
    transports: [countedTcp(counter, pending), countedWebSockets({ counter, proxy: init.proxy ?? null }, pending)],
    connectionEncrypters: [sparingNoise()],
    streamMuxers: [
      sparingYamux({
        streamOptions: {
          maxStreamWindowSize: limits.MAX_STREAM_WINDOW_BYTES,
          maxWriteBufferLength: limits.MAX_WRITE_BUFFER_BYTES,
        },
      }),
    ],
    connectionGater: roster.gater,
    metrics: init.metrics,
    connectionManager: {
      inboundConnectionThreshold: inbound,
      maxIncomingPendingConnections: limits.CROWDED_ADDRESSES * inbound,
      inboundUpgradeTimeout: limits.HANDSHAKE_TIMEOUT_MS,
      maxConnections: 2 * init.members + limits.CROWDED_ADDRESSES * inbound,
      dialTimeout: limits.DIAL_TIMEOUT_MS,
    },
    connectionMonitor: {
      pingInterval: limits.PING_INTERVAL_MS,
      pingTimeout: { minTimeout: limits.PING_TIMEOUT_MS, maxTimeout: limits.PING_TIMEOUT_MS },
    },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipOf(),
      listeners: (components) => ({ addresses: () => components.transportManager.getAddrs() }),
    },
  })
  rememberProtocols(libp2p.peerStore)
  const node = new PeerNode(libp2p, roster, counter, announces)
  libp2p.addEventListener('connection:open', ({ detail }) => {
    const tooMany = roster.open ? oneTooMany(libp2p.getConnections(), detail, inbound) : null
    tooMany?.abort(new CrowdedAddressError(`${inbound} connections of one address`))
  })
  try {
    await libp2p.start()
  } catch (error) {
    await libp2p.stop()
    throw new NetworkError({
      code: 'NETWORK_LISTEN',
      ...listenRefusal(listen, String(error)),
      cause: error,
    })
  }
  return node
}

function listenRefusal(listen: string | null, error: string): { what: string; hint: string } {
  const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(listen ?? '') ?? []
  if (error.includes('EADDRNOTAVAIL') && host !== undefined) {
    return {
      what: `cannot listen on ${listen}: ${host} is not an address of this machine`,
      hint: `Listen on all of its addresses with --listen /ip4/0.0.0.0/tcp/PORT, and tell the others this one with --announce ${listen}.`,
    }
  }
  const another = listen?.replace(/\/tcp\/\d+/, `/tcp/${Number(port) + 1}`)
  return {
    what: `cannot listen on ${listen}${error.includes('EADDRINUSE') ? ': the port is in use' : ''}`,
    hint: `Choose another port, for example with --listen ${another}. Each peer of this machine needs one of its own.`,
  }
}

function gossipOf() {
  return gossipsub({
    Dlazy: 3,
    Dout: 1,
    Dscore: 2,
    // Our envelopes carry their own signature; with gossipsub's every duplicate would be verified again.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: (message) => createHash('sha256').update(message.data).digest().subarray(0, limits.GOSSIP_ID_BYTES),
    fallbackToFloodsub: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // Messages are smaller than an announcement that one does not want them.
    idontwantMinDataSize: MAX_GOSSIP_BYTES + 1,
    maxInboundDataLength: limits.MAX_GOSSIP_FRAME_BYTES,
    maxOutboundBufferSize: limits.MAX_WRITE_BUFFER_BYTES,
    decodeRpcLimits: {
      maxSubscriptions: limits.MAX_GOSSIP_SUBSCRIPTIONS,
      maxMessages: limits.MAX_GOSSIP_MESSAGES,
      maxIhaveMessageIDs: limits.MAX_GOSSIP_IDS,
      maxIwantMessageIDs: limits.MAX_GOSSIP_IDS,
      maxIdontwantMessageIDs: limits.MAX_GOSSIP_IDS,
      maxControlMessages: limits.MAX_GOSSIP_CONTROLS,
      maxPeerInfos: 0,
    },
    // The roster keeps Sybils out. Sites that share an address are normal: ten peers on one host would mute each other.
    scoreParams: { IPColocationFactorWeight: 0 },
  })
}

export class PeerNode {
  readonly libp2p: Libp2p<NodeServices>
  /** As text; `libp2p.peerId.toMultihash().bytes` are the bytes that a roster holds. */
  readonly peerId: string
  private readonly roster: RosterGater
  private readonly counter: TrafficCounter
  private readonly announces: Multiaddr[]
  private readonly connected = new Map<string, PeerId>()
  private topic: string | null = null

  constructor(libp2p: Libp2p<NodeServices>, roster: RosterGater, counter: TrafficCounter, announces: Multiaddr[]) {
    this.libp2p = libp2p
    this.peerId = libp2p.peerId.toString()
    this.roster = roster
    this.counter = counter
    this.announces = announces
  }

  /** The bytes over this node's sockets. */
  traffic(): Traffic {
    return this.counter.total()
  }

  /**
   * Addresses with peer id, the best first. Loopback only if this machine has nothing else; empty if it does not
   * listen.
   */
  printableAddresses(): string[] {
    const own = this.announces.length > 0 ? this.announces : this.libp2p.services.listeners.addresses()
    return addressesToTell(own).map((address) => withPeerId(address, this.peerId).toString())
  }

  /** The addresses on which this node listens, loopback included. */
  listenAddresses(): string[] {
    return this.libp2p.services.listeners.addresses().map((address) => withPeerId(address, this.peerId).toString())
  }

  /** The TCP port on which this node listens; null for one that only dials out. */
  port(): number | null {
    const [address] = this.libp2p.services.listeners.addresses()
    const port = address?.getComponents().find(({ name }) => name === 'tcp')?.value
    return port === undefined ? null : Number(port)
  }

  /**
   * @throws {NetworkError} nobody answers there, or somebody else
   * @throws the signal's reason where it aborted
   */
  async dial(address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    try {
      return await this.libp2p.dial(address, { signal })
    } catch (error) {
      signal.throwIfAborted()
      throw unreachable(address, error)
    }
  }

  /** Dials a peer at whichever of its addresses answers. @throws where none does */
  async dialAny(addresses: Multiaddr[], signal: AbortSignal): Promise<Connection> {
    return this.libp2p.dial(addresses, { signal })
  }

  /** Connected members by peer id as text, without order. Peer ids are slow to make into text: it is done once. */
  neighbours(): ReadonlyMap<string, PeerId> {
    return this.connected
  }

  isMember(peerId: PeerId): boolean {
    return this.roster.isMember(peerId)
  }

  /** Connections of peers that are not on the roster; none before there is one. */
  strangers(): Connection[] {
    if (this.roster.open) return []
    return this.libp2p.getConnections().filter(({ remotePeer }) => !this.roster.isMember(remotePeer))
  }

  /** From now on only members are dialled and kept; strangers are disconnected after a short stay. */
  closeRoster(members: Iterable<string>): void {
    this.roster.close(new Set(members))
    const arrive = (peer: PeerId) => {
      if (this.roster.isMember(peer)) this.connected.set(peer.toString(), peer)
    }
    this.libp2p.getPeers().forEach(arrive)
    this.libp2p.addEventListener('peer:connect', ({ detail }) => arrive(detail))
    this.libp2p.addEventListener('peer:disconnect', ({ detail }) => this.connected.delete(detail.toString()))
    const showOut = (connection: Connection) => {
      if (this.roster.isMember(connection.remotePeer)) return
      const gone = new AbortController()
      connection.addEventListener('close', () => gone.abort(), { once: true })
      const stay = systemClock.pause(limits.STRANGER_STAY_MS, gone.signal)
      stay.then(() => connection.close()).catch(() => {}) // it has closed by itself
    }
    this.strangers().forEach(showOut)
    this.libp2p.addEventListener('connection:open', ({ detail }) => showOut(detail))
  }

  /** Closes the links to a member for good. */
  async shun(peer: string): Promise<void> {
    this.roster.shun(peer)
    const id = this.connected.get(peer)
    if (id !== undefined) await this.libp2p.hangUp(id)
  }

  /** Takes part in the gossip of a topic. Each distinct message is handled once, and forwarded only if accepted. */
  joinTopic(topic: string, handle: GossipHandler): void {
    const { pubsub } = this.libp2p.services
    pubsub.topicValidators.set(topic, (from: PeerId, { data }: Message) => {
      if (!this.roster.isMember(from)) return TopicValidatorResult.Ignore
      if (data.byteLength > MAX_GOSSIP_BYTES) return TopicValidatorResult.Reject
      return VERDICTS[handle(data, from)]
    })
    scoreTopic(pubsub, topic)
    setDegree(pubsub, this.roster.members)
    pubsub.subscribe(topic)
    this.topic = topic
  }

  /**
   * Sends a message to the topic; it is not handled here. A message that was sent before is not sent again.
   * @param floodPublish - to all neighbours at once; else to those to whom others' messages are forwarded
   * @throws {RangeError} longer than MAX_GOSSIP_BYTES: on the wire it would mute the link
   */
  async publish(bytes: Uint8Array, floodPublish = true): Promise<void> {
    if (bytes.byteLength > MAX_GOSSIP_BYTES) {
      throw new RangeError(`a gossip message of ${bytes.byteLength} bytes; ${MAX_GOSSIP_BYTES} are allowed`)
    }
    if (this.topic === null) throw new Error('no topic has been joined')
    await this.libp2p.services.pubsub.publish(this.topic, bytes, { floodPublish })
  }

  /** Members that have joined our topic, as far as known. */
  subscribers(): PeerId[] {
    return this.topic === null ? [] : this.libp2p.services.pubsub.getSubscribers(this.topic)
  }

  /**
   * Answers streams of a protocol, from now on in place of whoever answered before.
   * @param maxStreams - of one neighbour at once. Twice as many are let in, since the other end may be done with some
   * that are not closed yet at this end; more are reset.
   */
  async handle(protocol: string, handler: StreamHandler, maxStreams: number): Promise<void> {
    const limits = { maxInboundStreams: 2 * maxStreams, maxOutboundStreams: 2 * maxStreams }
    await this.libp2p.handle(protocol, handler, { ...limits, force: true })
  }

  /**
   * A stream to a neighbour (peer id as text); nobody is dialled for it.
   * @throws where there is no connection or no such protocol
   */
  async open(neighbour: string, protocol: string, signal: AbortSignal): Promise<Stream> {
    const peer = this.connected.get(neighbour)
    const connections = peer === undefined ? [] : this.libp2p.getConnections(peer)
    const connection = connections.find(({ status }) => status === 'open')
    if (connection === undefined) throw new Error(`${neighbour} is not connected`)
    return connection.newStream(protocol, { signal })
  }

  async stop(): Promise<void> {
    await this.libp2p.stop()
  }
}

function unreachable(address: Multiaddr, error: unknown): NetworkError {
  const [cause] = error instanceof AggregateError ? error.errors : [error]
  if (cause instanceof NetworkError) return cause
  const expected = peerIdOfAddress(address)
  if (isOtherPeer(error)) {
    return new NetworkError({
      code: 'NETWORK_OTHER_PEER',
      what: `${address} is answered by another peer than ${expected}`,
      hint: 'The peer was started anew or the address belongs to someone else now: ask for a new line to paste.',
      cause: error,
    })
  }
  return new NetworkError({
    code: 'NETWORK_UNREACHABLE',
    what: `${address} cannot be reached${cause instanceof NoWebSocketError ? `: ${cause.message}` : ''}`,
    hint: 'Check that the peer is still running, that its port is open, and that the address is one that you can reach.',
    cause: error,
  })
}

/** Noise reports another key only in the text of its error. */
function isOtherPeer(error: unknown): boolean {
  return error instanceof Error && (error.name === 'UnexpectedPeerError' || error.message.includes('identity key'))
}
