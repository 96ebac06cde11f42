/** Finds the members of a federation that can be reached from here, with a new key that is forgotten at once. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../round/clock.ts'
import { DIAL_TIMEOUT_MS } from './constants.ts'
import { startNode } from './node.ts'

/**
 * Dials each of them. A member that answers proves that it has the key of its peer id, and then closes the link of a
 * stranger.
 * @param members - addresses by peer id as text
 * @param proxy - as of `look`
 * @returns the peer ids of those that answered
 * @throws the signal's reason
 */
export async function reached(
  members: ReadonlyMap<string, Multiaddr[]>,
  proxy: string | null,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  await using closing = new AsyncDisposableStack()
  const way = { listen: null, proxy: proxy === null ? undefined : new URL(proxy) }
  const node = await startNode({ privateKey: await generateKeyPair('Ed25519'), members: 0, ...way })
  closing.defer(() => node.stop())
  const answered = new Set<string>()
  const dial = async (peer: string, addresses: Multiaddr[]) => {
    using deadline = systemClock.deadline(DIAL_TIMEOUT_MS)
    try {
      await node.dialAny(addresses, AbortSignal.any([signal, deadline.signal]))
      answered.add(peer)
    } catch {
      signal.throwIfAborted() // nobody answers there, or somebody else
    }
  }
  await Promise.all([...members].map(([peer, addresses]) => dial(peer, addresses)))
  return answered
}
