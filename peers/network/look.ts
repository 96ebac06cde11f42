/** Fetches the offer of an invitation, with a new key that is forgotten at once. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { type FetchedOffer, FOUNDING_PROTOCOL, fetchOffer } from '../../protocols/founding/index.ts'
import type { Invitation } from '../../protocols/plan/invitation.ts'
import { systemClock } from '../round/clock.ts'
import { startNode } from './node.ts'

/**
 * @param proxy - URL of the HTTP proxy through which WebSockets are dialled; null: none
 * @throws {CoppiceError} as `join` does before it sends anything; the signal's reason
 */
export async function look(
  { address, offer }: Invitation,
  proxy: string | null,
  signal: AbortSignal,
): Promise<FetchedOffer> {
  await using closing = new AsyncDisposableStack()
  const way = { listen: null, proxy: proxy === null ? undefined : new URL(proxy) }
  const node = await startNode({ privateKey: await generateKeyPair('Ed25519'), members: 0, ...way })
  closing.defer(() => node.stop())
  const connection = await node.dial(multiaddr(address), signal)
  const open = (stop: AbortSignal) => connection.newStream(FOUNDING_PROTOCOL, { signal: stop })
  return await fetchOffer(offer, { open, clock: systemClock, signal })
}
