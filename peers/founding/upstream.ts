/** The neighbour towards the founder: the peer whose address stands in the invitation. */
import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { FOUNDING_PROTOCOL } from '../../protocols/founding/index.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { NetworkError } from '../../src/base/errors.ts'
import { systemCode } from '../../src/base/system-errors.ts'
import { JOIN_PATIENCE_MS, JOIN_RETRY_MS } from '../network/constants.ts'
import type { PeerNode } from '../network/node.ts'

interface UpstreamInit {
  node: PeerNode
  address: Multiaddr
  clock: Clock
  /** The address does not answer as it should: from now on it is tried for so many milliseconds. */
  onRetry(patienceMs: number): void
}

/** A link that was lost is taken up again. */
export class Upstream {
  peerId: string | null = null
  private readonly init: UpstreamInit
  private connection: Connection | null = null

  constructor(init: UpstreamInit) {
    this.init = init
  }

  /**
   * @throws {NetworkError} nobody listens there, or somebody else; or a minute of tries has failed
   * @throws the signal's reason where it aborted
   */
  async connect(signal: AbortSignal): Promise<Connection> {
    if (this.connection?.status !== 'open') this.connection = await this.dial(signal)
    this.peerId = this.connection.remotePeer.toString()
    return this.connection
  }

  /** A stream of the founding protocol. */
  async open(signal: AbortSignal): Promise<Stream> {
    return (await this.connect(signal)).newStream(FOUNDING_PROTOCOL, { signal })
  }

  private dial(signal: AbortSignal): Promise<Connection> {
    const { address, node } = this.init
    return this.patiently(() => node.dial(address, signal), signal)
  }

  /** Runs a task that may be run again: it is, for a while, where the founder is too late, or its link breaks. */
  async patiently<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, onRetry } = this.init
    const end = clock.now() + JOIN_PATIENCE_MS
    for (let tries = 1; ; tries++) {
      try {
        return await task()
      } catch (error) {
        if (!isWorthAnotherTry(error) || clock.now() + JOIN_RETRY_MS > end) throw error
        if (tries === 1) onRetry(JOIN_PATIENCE_MS)
      }
      await clock.pause(JOIN_RETRY_MS * (0.5 + Math.random()), signal)
    }
  }
}

/** Codes of a founder that did not answer, or not to the end. */
const LATE = new Set(['NETWORK_UNREACHABLE', 'NETWORK_FOUNDER_GONE'])

/** A founder that is flooded does not answer, or cuts the connection off. A port where nobody listens refuses it. */
function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof NetworkError && LATE.has(error.code) && !isNobodyListening(error.cause)
}

/** Whether a dial failed because the machine is there, and nobody listens at that port. */
function isNobodyListening(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isNobodyListening)
  return systemCode(error) === 'ECONNREFUSED'
}
