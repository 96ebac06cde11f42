/**
 * libp2p's WebSocket transport. A peer listens for plain WebSockets, behind the reverse proxy of its house, which has
 * the certificate and ends TLS; it dials both, and through an HTTP proxy where it must. Sockets are counted as those of
 * TCP are, TLS included.
 */
import type { Transport, Upgrader } from '@libp2p/interface'
import { type WebSocketsComponents, webSockets } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import { asError } from '../../../protocols/stream/errors.ts'
import type { PendingConnections } from '../pending.ts'
import { Arrivals } from './arrivals.ts'
import { repair } from './connection.ts'
import { openWebSocket, type WayOut } from './dial.ts'

/** A factory for `transports` of a libp2p node. */
export function countedWebSockets(
  way: WayOut,
  pending: PendingConnections,
): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = webSockets()(components)
    // Were this method ever renamed, the tests of WebSockets would say so.
    if (!('_connect' in transport)) throw new TypeError('a WebSocket transport that cannot dial')
    transport._connect = (address: Multiaddr, { signal }: { signal: AbortSignal }) =>
      openWebSocket(address, signal, way)
    const arrivals = new Arrivals(way.counter, pending)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, init) => dial(address, { ...init, upgrader: repairing(init.upgrader, arrivals) })
    transport.createListener = (init) =>
      arrivals.guard(createListener({ ...init, upgrader: repairing(init.upgrader, arrivals) }))
    return transport
  }
}

/** The upgrader is the first to see every connection. One that fails is closed, which the library leaves to it. */
function repairing(upgrader: Upgrader, arrivals: Arrivals): Upgrader {
  return {
    async upgradeOutbound(connection, options) {
      repair(connection)
      try {
        return await upgrader.upgradeOutbound(connection, options)
      } catch (error) {
        connection.abort(asError(error))
        throw error
      }
    },
    async upgradeInbound(connection, options) {
      const socket = repair(connection)
      try {
        return await arrivals.upgrade(socket, () => upgrader.upgradeInbound(connection, options))
      } catch (error) {
        connection.abort(asError(error))
        throw error
      }
    },
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  }
}
