/**
 * Decides which connections may stay. Before there is a plan, anybody may connect to found one. Afterwards only members
 * may, and a few strangers until they are told why they are refused.
 */
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { MAX_STRANGERS } from './constants.ts'

export class RosterGater {
  private roster: ReadonlySet<string> | null = null
  private readonly shunned = new Set<string>()
  private readonly strangers: () => number

  /** @param strangers - the number of open connections of non-members */
  constructor(strangers: () => number) {
    this.strangers = strangers
  }

  /** From now on only these peer ids (as text) are members. */
  close(roster: ReadonlySet<string>): void {
    this.roster = roster
  }

  /** The number of members; 0 as long as there is no roster. */
  get members(): number {
    return this.roster?.size ?? 0
  }

  /** From now on this member (peer id as text) is no longer at home here. */
  shun(peer: string): void {
    this.shunned.add(peer)
  }

  isMember(peerId: PeerId): boolean {
    return this.roster?.has(peerId.toString()) ?? false
  }

  private isShunned(peerId: PeerId): boolean {
    return this.shunned.size > 0 && this.shunned.has(peerId.toString())
  }

  /** Whether a peer is a member; true as long as there is no roster. */
  get open(): boolean {
    return this.roster === null
  }

  readonly gater: ConnectionGater = {
    denyDialPeer: (peerId) => this.isShunned(peerId) || (!this.open && !this.isMember(peerId)),
    denyInboundEncryptedConnection: (peerId) => {
      if (this.isShunned(peerId)) return true
      return !this.open && !this.isMember(peerId) && this.strangers() >= MAX_STRANGERS
    },
    denyOutboundEncryptedConnection: (peerId) => !this.open && !this.isMember(peerId),
  }
}
