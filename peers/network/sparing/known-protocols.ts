/**
 * The note that libp2p writes down for each stream: that its peer knows the protocol. It reads, merges and writes the
 * whole record of the peer for that, at both ends. Once for each peer and protocol is enough: identify tells them
 * anyway.
 */
import type { Peer, PeerData, PeerId, PeerStore } from '@libp2p/interface'

/** From now on a protocol that is known of a peer is not written down again. */
export function rememberProtocols(peerStore: PeerStore): void {
  const merge = peerStore.merge.bind(peerStore)
  /** A connection has the same peer id object as long as it lives. */
  const known = new WeakMap<PeerId, Map<string, Promise<Peer>>>()
  peerStore.merge = (peer, data, options) => {
    const protocol = onlyProtocol(data)
    if (protocol === null) return merge(peer, data, options)
    const protocols = known.get(peer) ?? new Map<string, Promise<Peer>>()
    known.set(peer, protocols)
    const before = protocols.get(protocol)
    if (before !== undefined) return before
    const written = merge(peer, data) // others wait for it, too, so it does not end with this stream
    protocols.set(protocol, written)
    written.catch(() => protocols.delete(protocol))
    return written
  }
}

/** The protocol, if it is all that is to be written down; else null. */
function onlyProtocol({ protocols, ...others }: PeerData): string | null {
  return protocols?.length === 1 && Object.keys(others).length === 0 ? protocols[0] : null
}
