/**
 * Incoming connections whose handshake is not done. Whoever opens sockets and says nothing would take all the places
 * that libp2p has for them. So a connection must speak soon, and an address has a number of places of its own, and its
 * oldest connection makes room for its newest: an honest handshake takes milliseconds, a silent one is the oldest soon.
 * Sites that share an address with a silent one get in that way, too.
 */
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../round/clock.ts'
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

interface Pending {
  /** The address it comes from, without port. */
  host: string
  /** Whether it has said enough to stay. */
  hasSpoken(): boolean
  end(error: Error): void
}

export class PendingConnections {
  private readonly most: number
  /** One entry a host; a set keeps the order in which they came. */
  private readonly byHost = new Map<string, Set<Pending>>()

  /** @param most - pending connections of one address */
  constructor(most: number) {
    this.most = most
  }

  /** Runs a handshake. @throws as the handshake does */
  async during<T>(connection: Pending, handshake: () => Promise<T>): Promise<T> {
    using silence = systemClock.deadline(SILENCE_TIMEOUT_MS)
    silence.signal.addEventListener('abort', () => endIfSilent(connection))
    const { host } = connection
    const pending = this.byHost.get(host) ?? new Set()
    this.byHost.set(host, pending)
    const [oldest] = pending
    if (pending.size >= this.most) {
      pending.delete(oldest)
      oldest.end(new CrowdedAddressError(`${host} has ${this.most} connections without a handshake`))
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

async function endIfSilent(connection: Pending): Promise<void> {
  await setImmediate() // where the event loop was late, what has come is read first
  if (!connection.hasSpoken()) connection.end(new SilentConnectionError(`nothing came for ${SILENCE_TIMEOUT_MS} ms`))
}
