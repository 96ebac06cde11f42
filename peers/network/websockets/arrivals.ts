/**
 * Sockets at a WebSocket listener of @libp2p/websockets, from the first byte: counted, and held to the limits of
 * pending.ts. That library lets whoever says nothing, or asks for half a page, stay for ever, and its listener does not
 * close before they are gone.
 */
import { Server, type Socket } from 'node:net'
import type { Listener } from '@libp2p/interface'
import { WebSocketServer } from 'ws'
import { MAX_WEBSOCKET_MESSAGE_BYTES } from '../constants.ts'
import type { TrafficCounter } from '../counted-tcp.ts'
import type { PendingConnections } from '../pending.ts'

interface Arrival {
  /** Whether it has asked for a WebSocket. */
  hasAsked: boolean
  /** It is a connection now, or none. */
  settle(): void
}

export class Arrivals {
  private readonly counter: TrafficCounter
  private readonly pending: PendingConnections
  private readonly open = new Map<Socket, Arrival>()

  constructor(counter: TrafficCounter, pending: PendingConnections) {
    this.counter = counter
    this.pending = pending
  }

  /** Takes part in a listener, before it listens. */
  guard(listener: Listener): Listener {
    // Were these fields ever renamed, the tests of WebSockets would say so.
    if (!('server' in listener && listener.server instanceof Server)) throw new TypeError('a listener without server')
    if (!('wsServer' in listener && listener.wsServer instanceof WebSocketServer))
      throw new TypeError('a listener without WebSockets')
    listener.wsServer.options.maxPayload = MAX_WEBSOCKET_MESSAGE_BYTES
    listener.server.prependListener('connection', (socket: Socket) => this.arrive(socket))
    const close = listener.close.bind(listener)
    listener.close = async () => {
      const closed = close() // nobody is let in from here on
      for (const socket of this.open.keys()) socket.destroy()
      await closed
    }
    return listener
  }

  /** The handshake of a connection that has become a WebSocket. */
  async upgrade<T>(socket: Socket, handshake: () => Promise<T>): Promise<T> {
    const arrival = this.open.get(socket)
    if (arrival !== undefined) arrival.hasAsked = true
    try {
      return await handshake()
    } finally {
      arrival?.settle()
    }
  }

  private arrive(socket: Socket): void {
    this.counter.watch(socket)
    const { promise, resolve } = Promise.withResolvers<void>()
    const arrival: Arrival = { hasAsked: false, settle: resolve }
    this.open.set(socket, arrival)
    socket.on('error', () => {}) // it closes
    socket.once('close', () => {
      this.open.delete(socket)
      resolve()
    })
    const host = socket.remoteAddress ?? ''
    this.pending.during({ host, hasSpoken: () => arrival.hasAsked, end: () => socket.destroy() }, () => promise)
  }
}
