/** The neighbours that a fetch may ask, in order: the likely ones first, then others at random, nobody who lied. */
import * as limits from './constants.ts'
import type { BlobClientComponents } from './index.ts'

interface Standing {
  streams: number
  failures: number
  /** The neighbour is not asked before this time. */
  notBefore: number
  lied: boolean
}

export class Neighbourhood {
  private readonly components: BlobClientComponents
  private readonly records = new Map<string, Standing>()
  private readonly queue: Array<() => void> = []
  private streams = 0

  constructor(components: BlobClientComponents) {
    this.components = components
  }

  /**
   * A neighbour that has not been asked, with a stream to it reserved (see `give`); null if all have been asked. Waits
   * while all streams are in use.
   */
  async take(asked: ReadonlySet<string>, likely: readonly string[], signal: AbortSignal): Promise<string | null> {
    for (;;) {
      signal.throwIfAborted()
      // First, since a stream that becomes free wakes all that wait.
      if (this.streams >= limits.MAX_FETCH_STREAMS) {
        await this.freed(signal)
        continue
      }
      const askable = [...this.components.neighbours()].filter((peer) => !asked.has(peer) && this.isWell(peer))
      if (askable.length === 0) return null
      const likeliest = likely.find((peer) => askable.includes(peer))
      const best = likeliest === undefined ? askable : [likeliest]
      const free = best.filter((peer) => this.record(peer).streams < limits.MAX_STREAMS_PER_PEER)
      if (free.length > 0) {
        const peer = this.anyOf(free)
        this.streams++
        this.record(peer).streams++
        return peer
      }
      await this.freed(signal)
    }
  }

  /** Ends the reservation of `take`. */
  give(peer: string): void {
    this.streams--
    this.record(peer).streams--
    for (const wake of this.queue.splice(0)) wake()
  }

  /** The neighbour has answered, or is here again: it may be asked at once. */
  succeeded(peer: string): void {
    Object.assign(this.record(peer), { failures: 0, notBefore: 0 })
  }

  failed(peer: string): void {
    const record = this.record(peer)
    const rest = Math.min(limits.COOL_DOWN_MS * 2 ** record.failures, limits.MAX_COOL_DOWN_MS)
    record.failures++
    record.notBefore = this.components.clock.now() + rest
  }

  lied(peer: string): void {
    this.record(peer).lied = true
  }

  private isWell(peer: string): boolean {
    const record = this.record(peer)
    return !record.lied && record.notBefore <= this.components.clock.now()
  }

  private anyOf(peers: string[]): string {
    return peers[Math.floor(this.components.random() * peers.length)]
  }

  private record(peer: string): Standing {
    const record = this.records.get(peer) ?? { streams: 0, failures: 0, notBefore: 0, lied: false }
    this.records.set(peer, record)
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
