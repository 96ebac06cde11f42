/** The servers of a member, one for each protocol: blobs, greetings, anti-entropy. */
import type { PeerId } from '@libp2p/interface'
import type { BlobClient } from '../../protocols/blob/client.ts'
import { BLOB_PROTOCOL, blobServer, MAX_STREAMS_PER_PEER } from '../../protocols/blob/index.ts'
import { FOUNDING_PROTOCOL, foundedServer, MAX_FOUNDING_STREAMS } from '../../protocols/founding/index.ts'
import { type Greeting, HELLO_PROTOCOL, helloServer, MAX_HELLO_STREAMS } from '../../protocols/hello/index.ts'
import { PROTOCOL_VERSION } from '../../protocols/plan/offer.ts'
import type { Plan } from '../../protocols/plan/plan.ts'
import { bytesOf } from '../../protocols/round/messages/messages.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { MAX_SYNC_STREAMS, SYNC_PROTOCOL, type SyncComponents, syncServer } from '../../protocols/sync/index.ts'
import type { CertificateChain } from '../disk/certificates.ts'
import type { BlobStore } from '../disk/store.ts'
import { toldAddresses } from '../kept/addresses.ts'
import type { KeptFederation } from '../kept/federation.ts'
import type { Post } from '../network/gossip.ts'
import type { PeerNode } from '../network/node.ts'
import type { Driver } from '../round/driver.ts'
import type { Ledger } from '../round/ledger.ts'

interface Serving {
  kept: KeptFederation
  blobs: BlobClient
  chain: CertificateChain
  driver: Driver
  ledger: Ledger
  node: PeerNode
  store: BlobStore
  sync: SyncComponents
}

/** From here on every member answers as the founder did before: see protocols/founding/founded.ts. */
export async function serveMembers({ kept, blobs, chain, driver, ledger, node, store, sync }: Serving): Promise<void> {
  const isMember = (id: PeerId) => node.isMember(id)
  const { clock } = sync
  const asked = () => driver.handIn({ type: 'asked' })
  const onServed = (id: string, peer: PeerId, bytes: number) => ledger.served(id, peer.toString(), bytes)
  const coming = (id: string) => blobs.coming(id)
  const server = blobServer({ source: store, clock, admits: isMember, coming, onAsked: asked, onServed })
  const { plan, signatures } = kept.signed
  const founding = foundedServer({ plan, signatures, addresses: () => toldAddresses(kept), clock })
  const hello = helloServer({ own: () => greetingOf(plan, chain), isMember, clock })
  await node.handle(BLOB_PROTOCOL, server.handle, MAX_STREAMS_PER_PEER)
  await node.handle(HELLO_PROTOCOL, hello, MAX_HELLO_STREAMS)
  await node.handle(FOUNDING_PROTOCOL, founding, MAX_FOUNDING_STREAMS)
  await node.handle(SYNC_PROTOCOL, syncServer({ ...sync, onBehind: asked }), MAX_SYNC_STREAMS)
}

/** The parts of a member that anti-entropy needs, whichever side begins. */
export function syncOf(
  driver: Driver,
  chain: CertificateChain,
  post: Post,
  { node, clock }: { node: PeerNode; clock: Clock },
): SyncComponents {
  return {
    source: {
      rounds: () => chain.rounds,
      certificate: (round) => chain.read(round),
      messages: () => driver.messages(),
      takeEnvelope: (bytes) => post.receiveLate(bytes),
      takeCertificate: (bytes) => driver.takeCertificate(bytes),
    },
    isMember: (id) => node.isMember(id),
    clock,
  }
}

export function greetingOf(plan: Plan, chain: CertificateChain): Greeting {
  const certificate = chain.last === null ? null : bytesOf(chain.last.id)
  return { version: PROTOCOL_VERSION, plan: plan.id, model: plan.offer.model.hash, certificate, rounds: chain.rounds }
}
