/** Counts the messages of gossip and anti-entropy that were not taken in, by the member that each is held against. */

export interface RefusedMessages {
  /** Peer id as text; null: they came by anti-entropy, which does not tell who wrote them. */
  peer: string | null
  /** Malformed or forged: held against the neighbour that passed them on, who should have found it. */
  rejected: number
  /** Beyond what a member may send: held against their author. */
  excess: number
}

export class Refused {
  private readonly byPeer = new Map<string | null, RefusedMessages>()

  count(peer: string | null, reason: 'rejected' | 'excess'): void {
    const counts = this.byPeer.get(peer) ?? { peer, rejected: 0, excess: 0 }
    counts[reason]++
    this.byPeer.set(peer, counts)
  }

  /** One entry for each member of which something was refused. */
  list(): RefusedMessages[] {
    return [...this.byPeer.values()].map((counts) => ({ ...counts }))
  }
}
