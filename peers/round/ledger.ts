/**
 * The record of what has left this site: its own contributions, the time when each was announced, and the members that
 * fetched it from here. The plan bounds its size: one entry for each block and round, and each member once in it. It
 * begins with the process, so it lacks the transfers of earlier runs of the same peer.
 */
import type { CommitEntry } from '../../protocols/round/messages/value.ts'

export interface SentContribution {
  round: number
  block: number
  /** The id of the contribution, hexadecimal: see protocols/wire/hash.ts. */
  id: string
  bytes: number
  /** The time of the announcement, in milliseconds since 1970. */
  at: number
  /** Peer ids of the members that fetched some of it from here, in order of their first request. */
  to: string[]
}

/** Bytes of blobs that were sent to members, each time that one was. */
export interface ServedBytes {
  /** Bytes of this site's own contributions. */
  own: number
  /** Bytes of all others: contributions of others that were passed on, lists, values, keys and reveals. */
  others: number
}

export class Ledger {
  private readonly date: () => number
  private readonly rounds = new Set<number>()
  private readonly sent: SentContribution[] = []
  /** Members by blob: the same bytes may be the contribution of two rounds. */
  private readonly members = new Map<string, string[]>()
  readonly servedBytes: ServedBytes = { own: 0, others: 0 }

  /** @param date - milliseconds since 1970 */
  constructor(date: () => number) {
    this.date = date
  }

  /** Records the announcement of a round. A second announcement changes nothing. */
  announced(round: number, list: readonly CommitEntry[]): void {
    if (this.rounds.has(round)) return
    this.rounds.add(round)
    const at = this.date()
    for (const { block, root: id, bytes } of list) {
      const to = this.members.get(id) ?? []
      this.members.set(id, to)
      this.sent.push({ round, block, id, bytes, at, to })
    }
  }

  /** Records that bytes of a blob were sent to a member. */
  served(id: string, member: string, bytes: number): void {
    const to = this.members.get(id)
    this.servedBytes[to === undefined ? 'others' : 'own'] += bytes
    if (to !== undefined && !to.includes(member)) to.push(member)
  }

  /** All entries, by round, then by block. */
  contributions(): SentContribution[] {
    return this.sent.map((entry) => ({ ...entry, to: [...entry.to] }))
  }
}
