/**
 * Who may stay connected. Before there is a plan anybody may come, to found; afterwards members, and a few
 * strangers for as long as it takes to tell them why they are refused.
 */
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { MAX_STRANGERS } from './constants.ts'

export class RosterGater {
  private roster: ReadonlySet<string> | null = null
  private readonly strangers: () => number

  /** @param strangers - how many connections of non-members are open now */
  constructor(strangers: () => number) {
    this.strangers = strangers
  }

  /** From now on only these peer ids (as text) are at home here. */
  close(roster: ReadonlySet<string>): void {
    this.roster = roster
  }

  isMember(peerId: PeerId): boolean {
    return this.roster?.has(peerId.toString()) ?? false
  }

  /** True where there is no roster yet. */
  get open(): boolean {
    return this.roster === null
  }

  readonly gater: ConnectionGater = {
    denyDialPeer: (peerId) => !this.open && !this.isMember(peerId),
    denyInboundEncryptedConnection: (peerId) => {
      return !this.open && !this.isMember(peerId) && this.strangers() >= MAX_STRANGERS
    },
    denyOutboundEncryptedConnection: (peerId) => !this.open && !this.isMember(peerId),
  }
}
