/**
 * What has left this site: its own contributions, when each was announced, and which members fetched it from here. What
 * it holds is bounded by the plan: an entry for each block and round, and in it each member once. It begins with the
 * process: what an earlier run of the same peer has sent is not in it.
 */
import type { CommitEntry } from '../../protocols/round/messages/value.ts'

export interface SentContribution {
  round: number
  block: number
  /** Its name among peers, hexadecimal: see protocols/wire/hash.ts. */
  id: string
  bytes: number
  /** When it was announced, in milliseconds since 1970. */
  at: number
  /** Peer ids of the members that fetched some of it from here, in the order in which they came. */
  to: string[]
}

export class Ledger {
  private readonly date: () => number
  private readonly rounds = new Set<number>()
  private readonly sent: SentContribution[] = []
  /** Members by blob: the same bytes may be the contribution of two rounds. */
  private readonly members = new Map<string, string[]>()

  /** @param date - milliseconds since 1970 */
  constructor(date: () => number) {
    this.date = date
  }

  /** The others are told of these. A round that is announced again is no news. */
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

  /** Some bytes of a blob went to a member. What is no contribution of this site is not recorded. */
  served(id: string, member: string): void {
    const to = this.members.get(id)
    if (to !== undefined && !to.includes(member)) to.push(member)
  }

  /** By round, then block. */
  contributions(): SentContribution[] {
    return this.sent.map((entry) => ({ ...entry, to: [...entry.to] }))
  }
}
