/**
 * The addresses of members: whom a peer may dial. They begin with those of the founding, or of an earlier run, and
 * follow what each neighbour says of itself, so that whoever comes back finds members that have moved.
 */
import type { Multiaddr } from '@multiformats/multiaddr'
import { MAX_ADDRESSES, type MemberAddresses } from '../../protocols/founding/index.ts'
import { peerIdText } from '../../protocols/plan/site-name.ts'
import { addressesToTell, withPeerId } from '../network/addresses.ts'
import { dialable } from '../network/neighbours.ts'
import type { PeerNode } from '../network/node.ts'
import type { KeptFederation } from './federation.ts'

/** One entry a peer id, as text; members without an address are left out. */
export function keptAddresses({ facts }: KeptFederation): Map<string, Multiaddr[]> {
  const known = Object.entries(facts.addresses).map(([peer, addresses]) => [peer, dialable(peer, addresses)] as const)
  return new Map(known.filter(([, addresses]) => addresses.length > 0))
}

/** The addresses as another member is told them. */
export function toldAddresses({ facts, signed: { plan } }: KeptFederation): MemberAddresses[] {
  return plan.members.map(({ peer }) => ({ peer, addresses: facts.addresses[peerIdText(peer)] ?? [] }))
}

/**
 * Takes over what members say of themselves from now on, in memory and on the disk. Where that cannot be written, the
 * addresses of before stay there.
 */
export function learnAddresses(node: PeerNode, kept: KeptFederation, known: Map<string, Multiaddr[]>): void {
  node.libp2p.addEventListener('peer:identify', ({ detail: { listenAddrs, peerId } }) => {
    const peer = peerId.toString()
    if (!node.isMember(peerId) || listenAddrs.length === 0) return
    const told = addressesToTell(listenAddrs).map((address) => withPeerId(address, peer))
    const addresses = dialable(peer, told.slice(0, MAX_ADDRESSES).map(String))
    if (String(known.get(peer)) === String(addresses)) return
    known.set(peer, addresses)
    kept.keep({ addresses: { ...kept.facts.addresses, [peer]: addresses.map(String) } }).catch(() => undefined)
  })
}
