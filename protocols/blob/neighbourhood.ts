/** Whom to ask next: within the caps on streams, the author first, nobody who lied, the rest at random. */
import type { PeerId } from '@libp2p/interface'
import * as limits from './constants.ts'
import type { BlobClientComponents } from './index.ts'

interface Record {
  streams: number
  failures: number
  /** Not asked before this time. */
  notBefore: number
  lied: boolean
}

export class Neighbourhood {
  private readonly components: BlobClientComponents
  private readonly records = new Map<string, Record>()
  private readonly queue: Array<() => void> = []
  private streams = 0

  constructor(components: BlobClientComponents) {
    this.components = components
  }

  /**
   * A neighbour that has not been asked, with a stream to it reserved (see `give`); null where all have been. Waits
   * while all streams are in use.
   */
  async take(asked: ReadonlySet<string>, author: string | undefined, signal: AbortSignal): Promise<PeerId | null> {
    for (;;) {
      signal.throwIfAborted()
      const askable = this.components.neighbours().filter((peer) => !asked.has(peer.toString()) && this.isWell(peer))
      if (askable.length === 0) return null
      const free = askable.filter((peer) => this.record(peer).streams < limits.MAX_STREAMS_PER_PEER)
      if (free.length > 0 && this.streams < limits.MAX_FETCH_STREAMS) {
        const peer = free.find((candidate) => candidate.toString() === author) ?? this.anyOf(free)
        this.streams++
        this.record(peer).streams++
        return peer
      }
      await this.freed(signal)
    }
  }

  /** Ends the reservation of `take`. */
  give(peer: PeerId): void {
    this.streams--
    this.record(peer).streams--
    for (const wake of this.queue.splice(0)) wake()
  }

  succeeded(peer: PeerId): void {
    this.record(peer).failures = 0
  }

  failed(peer: PeerId): void {
    const record = this.record(peer)
    const rest = Math.min(limits.COOL_DOWN_MS * 2 ** record.failures, limits.MAX_COOL_DOWN_MS)
    record.failures++
    record.notBefore = this.components.clock.now() + rest
  }

  lied(peer: PeerId): void {
    this.record(peer).lied = true
  }

  private isWell(peer: PeerId): boolean {
    const record = this.record(peer)
    return !record.lied && record.notBefore <= this.components.clock.now()
  }

  private anyOf(peers: PeerId[]): PeerId {
    return peers[Math.floor(this.components.random() * peers.length)]
  }

  private record(peer: PeerId): Record {
    const key = peer.toString()
    const record = this.records.get(key) ?? { streams: 0, failures: 0, notBefore: 0, lied: false }
    this.records.set(key, record)
    return record
  }

  private freed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake)
      this.queue.push(wake)
    })
  }
}
