/** The neighbour towards the founder: the peer whose address stands in the invitation. */
import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { FOUNDING_PROTOCOL } from '../../protocols/founding/index.ts'
import type { PeerNode } from '../network/node.ts'

/** A link that was lost is taken up again. */
export class Upstream {
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

  /** A stream of the founding protocol. */
  async open(signal: AbortSignal): Promise<Stream> {
    return (await this.connect(signal)).newStream(FOUNDING_PROTOCOL, { signal })
  }
}
