/**
 * Incoming connections whose handshake is not done. Whoever opens sockets and says nothing would take all the places
 * that libp2p has for them. So a connection must speak soon, and an address has a number of places of its own, and its
 * oldest connection makes room for its newest: an honest handshake takes milliseconds, a silent one is the oldest soon.
 * Sites that share an address with a silent one get in that way, too.
 */
import { setImmediate } from 'node:timers/promises'
import type { MultiaddrConnection } from '@libp2p/interface'
import { systemClock } from '../round/clock.ts'
import { hostOf } from './addresses.ts'
import { SILENCE_TIMEOUT_MS } from './constants.ts'

/** A connection was ended because its address had too many. */
export class CrowdedAddressError extends Error {
  static name = 'CrowdedAddressError'
  readonly name = 'CrowdedAddressError'
}

/** A connection has said nothing. */
class SilentConnectionError extends Error {
  static name = 'SilentConnectionError'
  readonly name = 'SilentConnectionError'
}

export class PendingConnections {
  private readonly most: number
  /** One entry a host; a set keeps the order in which they came. */
  private readonly byHost = new Map<string, Set<MultiaddrConnection>>()

  /** @param most - pending connections of one address */
  constructor(most: number) {
    this.most = most
  }

  /** Runs a handshake. @param hasSpoken - whether a byte has come @throws as the handshake does */
  async during<T>(connection: MultiaddrConnection, hasSpoken: () => boolean, handshake: () => Promise<T>): Promise<T> {
    using silence = systemClock.deadline(SILENCE_TIMEOUT_MS)
    silence.signal.addEventListener('abort', () => endIfSilent(connection, hasSpoken))
    const host = hostOf(connection.remoteAddr)
    const pending = this.byHost.get(host) ?? new Set()
    this.byHost.set(host, pending)
    const [oldest] = pending
    if (pending.size >= this.most) {
      pending.delete(oldest)
      oldest.abort(new CrowdedAddressError(`${host} has ${this.most} connections without a handshake`))
    }
    pending.add(connection)
    try {
      return await handshake()
    } finally {
      pending.delete(connection)
      if (pending.size === 0 && this.byHost.get(host) === pending) this.byHost.delete(host)
    }
  }
}

async function endIfSilent(connection: MultiaddrConnection, hasSpoken: () => boolean): Promise<void> {
  await setImmediate() // where the event loop was late, what has come is read first
  if (!hasSpoken()) connection.abort(new SilentConnectionError(`nothing came for ${SILENCE_TIMEOUT_MS} ms`))
}
