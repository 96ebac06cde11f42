/**
 * Keeps a peer connected: dials the members whose addresses are known, dials lost links again, greets each peer that
 * connects, and starts an exchange with a random neighbour every few seconds.
 */
import type { PeerId, Stream } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  type Greeting,
  HELLO_PROTOCOL,
  HELLO_RETRY_MS,
  type HelloRefusal,
  sayHello,
} from '../../protocols/hello/index.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import {
  SYNC_INTERVAL_MS,
  SYNC_JITTER,
  SYNC_PROTOCOL,
  type SyncComponents,
  syncWith,
} from '../../protocols/sync/index.ts'
import { Tasks } from '../tasks.ts'
import * as limits from './constants.ts'
import type { PeerNode } from './node.ts'

interface NeighboursInit {
  node: PeerNode
  clock: Clock
  /** In [0, 1). */
  random(): number
  greeting(): Greeting
  sync: SyncComponents
  /** The addresses of members, by peer id as text; empty for a member that only dials out or must not be dialled. */
  addresses: ReadonlyMap<string, Multiaddr[]>
  /** The neighbour that this peer joined through: always kept. */
  upstream: string | null
  /** Called for each new neighbour of the same federation. */
  onNeighbour(peer: string): void
  onNote(text: string): void
}

export class Neighbours {
  private readonly init: NeighboursInit
  private readonly stop = new AbortController()
  private readonly tasks = new Tasks()
  /** The number of rounds in which the link to a member was missing, by peer id. */
  private readonly absences = new Map<string, number>()

  constructor(init: NeighboursInit) {
    this.init = init
  }

  start(): void {
    const { node } = this.init
    node.libp2p.addEventListener('peer:connect', this.onConnect)
    node.libp2p.addEventListener('peer:disconnect', this.onDisconnect)
    for (const peer of node.neighbours().keys()) this.run(this.greet(peer))
    this.run(this.keepConnected())
    this.run(this.keepInSync())
  }

  async end(): Promise<void> {
    const { libp2p } = this.init.node
    libp2p.removeEventListener('peer:connect', this.onConnect)
    libp2p.removeEventListener('peer:disconnect', this.onDisconnect)
    this.stop.abort(new Error('the peer has stopped'))
    await this.tasks.ended()
  }

  /** Starts an exchange now, with this member if it is a neighbour. */
  syncNow(member: string | null): void {
    const { node } = this.init
    const peer = member !== null && node.neighbours().has(member) ? member : this.anyNeighbour()
    if (peer !== undefined) this.run(this.sync(peer))
  }

  private run(task: Promise<void>): void {
    this.tasks.add(
      task.catch((error) => {
        if (!this.stop.signal.aborted) this.init.onNote(String(error))
      }),
    )
  }

  private readonly onConnect = ({ detail }: CustomEvent<PeerId>): void => {
    if (this.init.node.isMember(detail)) this.run(this.greet(detail.toString()))
  }

  /** The link towards the founder may be the only one. It is dialled again at once, and afterwards like all others. */
  private readonly onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
    if (detail.toString() === this.init.upstream && !this.stop.signal.aborted) this.run(this.dial(detail.toString()))
  }

  /** Greets until there is an answer. A neighbour of another federation is disconnected. */
  private async greet(peer: string): Promise<void> {
    const { clock, node, greeting, onNeighbour } = this.init
    const { signal } = this.stop
    while (node.neighbours().has(peer)) {
      try {
        const open = (stop: AbortSignal) => node.open(peer, HELLO_PROTOCOL, stop)
        const answer = await sayHello({ open, own: greeting(), clock, signal })
        if (answer.type === 'hello') {
          onNeighbour(peer)
          return await this.sync(peer)
        }
        if (answer.reason !== 'not-ready') return await this.showOut(peer, answer.reason)
      } catch {
        signal.throwIfAborted() // else the neighbour is not ready to be greeted, or has gone again
      }
      await clock.pause(HELLO_RETRY_MS * (0.5 + this.init.random()), signal)
    }
  }

  private async showOut(peer: string, reason: HelloRefusal): Promise<void> {
    this.init.onNote(`${peer} belongs to another federation (${reason})`)
    const id = this.init.node.neighbours().get(peer)
    if (id !== undefined) await this.init.node.libp2p.hangUp(id, { signal: this.stop.signal })
  }

  private async sync(peer: string): Promise<void> {
    const { node, sync } = this.init
    const open = (signal: AbortSignal): Promise<Stream> => node.open(peer, SYNC_PROTOCOL, signal)
    try {
      await syncWith(open, sync, this.stop.signal)
    } catch {
      this.stop.signal.throwIfAborted() // the next exchange is soon, perhaps with another neighbour
    }
  }

  private async keepInSync(): Promise<void> {
    const { clock, random } = this.init
    for (;;) {
      await clock.pause(SYNC_INTERVAL_MS * (1 + SYNC_JITTER * (2 * random() - 1)), this.stop.signal)
      const peer = this.anyNeighbour()
      if (peer !== undefined) await this.sync(peer)
    }
  }

  private async keepConnected(): Promise<void> {
    const { clock, random } = this.init
    for (;;) {
      await Promise.all(this.missing().map((peer) => this.dial(peer)))
      await clock.pause(limits.RECONNECT_INTERVAL_MS * (0.5 + random()), this.stop.signal)
    }
  }

  /** The peers to dial now: the upstream, and others until there are enough. */
  private missing(): string[] {
    const { addresses, node, upstream, random } = this.init
    const connected = node.neighbours()
    const absent = [...addresses.keys()].filter((peer) => peer !== node.peerId && !connected.has(peer))
    const others = absent.filter((peer) => peer !== upstream && this.mayDial(peer))
    const missing = Math.max(0, limits.MAX_DIALLED_NEIGHBOURS - connected.size)
    // Others dial, too: if all made all the links that they lack, each would have twice as many.
    const wanted = addresses.size > limits.MAX_DIALLED_NEIGHBOURS ? Math.ceil(missing / 2) : missing
    const chosen = others
      .map((peer) => ({ peer, order: random() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, wanted)
      .map(({ peer }) => peer)
    return upstream !== null && absent.includes(upstream) ? [upstream, ...chosen] : chosen
  }

  /** The member with the lower id dials, so that two dials do not cross; the other does if that has not worked. */
  private mayDial(peer: string): boolean {
    const rounds = this.absences.get(peer) ?? 0
    this.absences.set(peer, rounds + 1)
    const isEager = rounds < limits.EAGER_DIAL_ROUNDS
    const turn = rounds % limits.PATIENT_DIAL_ROUNDS
    if (this.init.node.peerId < peer) return isEager || turn === 0
    return rounds > 0 && (isEager || turn === limits.PATIENT_DIAL_ROUNDS / 2)
  }

  private async dial(peer: string): Promise<void> {
    const { addresses, clock, node } = this.init
    using deadline = clock.deadline(limits.DIAL_TIMEOUT_MS, this.stop.signal)
    try {
      await node.dialAny(addresses.get(peer) ?? [], deadline.signal)
      this.absences.delete(peer)
    } catch {
      this.stop.signal.throwIfAborted() // many sites cannot be reached from everywhere: others forward
    }
  }

  private anyNeighbour(): string | undefined {
    const peers = [...this.init.node.neighbours().keys()]
    return peers[Math.floor(this.init.random() * peers.length)]
  }
}

/** The valid addresses among those that members announced. Addresses that name another peer are left out. */
export function dialable(peer: string, addresses: readonly string[]): Multiaddr[] {
  return addresses.flatMap((text) => {
    try {
      const address = multiaddr(text)
      const named = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
      return named === peer ? address : []
    } catch {
      return []
    }
  })
}
