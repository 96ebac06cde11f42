/**
 * libp2p's TCP transport, with every socket counted. The numbers are the sockets' own (what the kernel took and
 * gave): handshakes, gossip, retries and failed connections included, TCP and IP headers not.
 */
import { Socket } from 'node:net'
import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { type TCPComponents, tcp } from '@libp2p/tcp'
import { hostOf } from './addresses.ts'
import type { PendingConnections } from './pending.ts'

export interface Traffic {
  sentBytes: number
  receivedBytes: number
}

/** Sums over all sockets that one node has ever had. */
export class TrafficCounter {
  private readonly open = new Set<Socket>()
  private sentBytes = 0
  private receivedBytes = 0

  watch(socket: Socket): void {
    if (this.open.has(socket)) return
    this.open.add(socket)
    socket.once('close', () => {
      this.open.delete(socket)
      this.sentBytes += socket.bytesWritten
      this.receivedBytes += socket.bytesRead
    })
  }

  total(): Traffic {
    let { sentBytes, receivedBytes } = this
    for (const socket of this.open) {
      sentBytes += socket.bytesWritten
      receivedBytes += socket.bytesRead
    }
    return { sentBytes, receivedBytes }
  }
}

/** A factory for `transports` of a libp2p node. */
export function countedTcp(
  counter: TrafficCounter,
  pending: PendingConnections,
): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp()(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, init) => dial(address, { ...init, upgrader: watching(init.upgrader, counter, pending) })
    transport.createListener = (init) =>
      createListener({ ...init, upgrader: watching(init.upgrader, counter, pending) })
    return transport
  }
}

/** The upgrader is the first to see every connection, before anything is written to it. */
function watching(upgrader: Upgrader, counter: TrafficCounter, pending: PendingConnections): Upgrader {
  return {
    upgradeOutbound: (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeOutbound']>[1]) => {
      const socket = socketOf(connection)
      counter.watch(socket)
      writeAtOnce(connection, socket)
      return upgrader.upgradeOutbound(connection, options)
    },
    upgradeInbound: (connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) => {
      const socket = socketOf(connection)
      counter.watch(socket)
      writeAtOnce(connection, socket)
      return pending.during(
        {
          host: hostOf(connection.remoteAddr),
          hasSpoken: () => socket.bytesRead > 0,
          end: (error) => connection.abort(error),
        },
        () => upgrader.upgradeInbound(connection, options),
      )
    },
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  }
}

/** A message is one write to the socket, where the transport makes one of each of its pieces. */
export function writeAtOnce(connection: MultiaddrConnection, socket: Socket): void {
  // Were this method ever renamed, the tests of the counter would say so.
  if (!('sendData' in connection && typeof connection.sendData === 'function')) throw new TypeError('a mute connection')
  const send = connection.sendData.bind(connection)
  connection.sendData = (data: unknown) => {
    socket.cork()
    try {
      return send(data)
    } finally {
      socket.uncork()
    }
  }
}

/** The TCP transport keeps its socket in this field; were it ever renamed, the tests of the counter would say so. */
function socketOf(connection: MultiaddrConnection): Socket {
  if ('socket' in connection && connection.socket instanceof Socket) return connection.socket
  throw new TypeError('a TCP connection without its socket')
}
