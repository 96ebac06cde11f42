/** A member of a federation that is founded, from its first greeting to the written model. */
import type { Multiaddr } from '@multiformats/multiaddr'
import { BLOB_PROTOCOL, type BlobClientComponents, blobClient } from '../../protocols/blob/index.ts'
import { memberOf } from '../../protocols/plan/plan.ts'
import { peerIdText } from '../../protocols/plan/site-name.ts'
import { isLast } from '../../protocols/round/messages/value.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import type { PeerInit, PeerResult, Starting } from '../init.ts'
import { keptAddresses, learnAddresses } from '../kept/addresses.ts'
import type { KeptFederation } from '../kept/federation.ts'
import { Post } from '../network/gossip.ts'
import { Neighbours } from '../network/neighbours.ts'
import { Driver } from '../round/driver.ts'
import type { RoundProgressEvent, RoundReport } from '../round/events.ts'
import { Ledger } from '../round/ledger.ts'
import { outcomeError } from '../round/outcome.ts'
import { writeOutput } from '../round/output.ts'
import { Timeline } from '../round/timeline.ts'
import type { Work } from '../work/work.ts'
import { type Archive, openArchive } from './archive.ts'
import { greetingOf, serveMembers, syncOf } from './serving.ts'

interface Member extends Starting {
  kept: KeptFederation
  /** An earlier run has begun it. */
  goesOn: boolean
  /** The neighbour that this peer joined through; null: it is the founder, or needs nobody in particular. */
  upstream: string | null
  out: string
  work: Work
}

/** Takes part in the rounds of the federation. @throws as the outcome says; the signal's reason */
export async function takePart(init: PeerInit, member: Member): Promise<PeerResult> {
  const { clock, kept, node, tell, work } = member
  const { plan } = kept.signed
  const self = memberOf(plan, member.signer.peerId)?.index ?? -1
  const archive = await openArchive(kept, work, { data: init.data, self, at: clock.date() })
  const { chain, journal, merges, store } = archive
  await using closing = new AsyncDisposableStack()
  closing.defer(() => journal.close())
  tellBegun(member, archive)
  const peerIds = plan.members.map(({ peer }) => peerIdText(peer))
  node.closeRoster(peerIds)

  const blobs = blobClient(blobComponents(member))
  const ledger = new Ledger(() => clock.date())
  const timeline = new Timeline(() => clock.date())
  const { keepMerges = false, connect = 'all' } = init
  const addresses = addressesOf(member, connect)
  const driver = driverOf({ member, archive, self, ledger, timeline, blobs, peerIds, keepMerges })
  const post = new Post({
    plan,
    publish: (bytes, isWide) => node.publish(bytes, isWide),
    isStale: (envelope) => driver.isStale(envelope),
    onMessage: (envelope) => driver.handIn({ type: 'message', envelope }),
    now: () => clock.now(),
    onHostile(neighbour) {
      tell({ type: 'warning', text: `${neighbour} floods this peer, or sends forged messages: its link is closed` })
      node.shun(neighbour).catch(() => undefined) // it has gone by itself
    },
  })
  member.book?.follows({
    refused: () => post.refused.list(),
    payloadBytes: () => driver.payloadBytes,
    heard: driver.heard,
    deadlines: () => driver.deadlines(),
  })
  const sync = syncOf(driver, chain, post, member)
  const neighbours = new Neighbours({
    node,
    clock,
    random: Math.random,
    greeting: () => greetingOf(plan, chain),
    sync,
    addresses,
    upstream: member.upstream,
    onNeighbour: (peer) => {
      blobs.welcome(peer)
      tell({ type: 'neighbours', connected: node.neighbours().size, members: plan.members.length })
    },
    onNote: (text) => tell({ type: 'warning', text }),
  })
  await serveMembers({ kept, blobs, chain, driver, ledger, node, store, sync })
  node.joinTopic(`/coppice/${toHex(plan.id)}`, (bytes, from) => post.receive(bytes, from.toString()))
  if (connect === 'all') learnAddresses(node, kept, addresses)
  neighbours.start()
  try {
    const catchUp = (index: number) => neighbours.syncNow(peerIds[index])
    const { detail, reason } = await driver.run({ post, catchUp }, init.signal)
    if (reason !== 'done') throw outcomeError(reason, detail, kept.directory)
    if (!keepMerges) await merges.retain(new Set())
    return resultOf(member, archive, { driver, ledger, timeline, post })
  } finally {
    await neighbours.end()
  }
}

function tellBegun({ goesOn, kept, out, tell }: Member, { chain, federation, journal }: Archive): void {
  const { plan } = kept.signed
  const planId = toHex(plan.id)
  const isOver = chain.last !== null && isLast(federation, chain.last.value)
  const round = isOver ? chain.rounds : chain.rounds + 1
  const { abstainsUntil, refused } = journal
  if (refused !== null) tell({ type: 'abstains', refused, until: abstainsUntil })
  tell(goesOn ? { type: 'goingOn', plan, planId, out, round } : { type: 'founded', plan, planId, out })
}

function blobComponents({ clock, node, tell }: Member): BlobClientComponents {
  return {
    neighbours: () => node.neighbours().keys(),
    open: (id, signal) => node.open(id, BLOB_PROTOCOL, signal),
    clock,
    random: Math.random,
    onLiar: (id, error) => tell({ type: 'warning', text: `${id} is not asked again: ${error.message}` }),
  }
}

interface Driving {
  member: Member
  archive: Archive
  self: number
  ledger: Ledger
  timeline: Timeline
  blobs: ReturnType<typeof blobClient>
  peerIds: string[]
  keepMerges: boolean
}

function driverOf({ member, archive, self, ledger, timeline, ...rest }: Driving): Driver {
  const { clock, kept, node, signer, tell, work } = member
  const { plan } = kept.signed
  return new Driver({
    ...archive,
    ...rest,
    plan,
    self,
    signer,
    work,
    clock,
    traffic: () => node.traffic(),
    finish: (last, signal) => finish(member, archive, self, last, signal),
    onEvent(event: RoundProgressEvent) {
      if (event.type === 'announced') ledger.announced(event.round, event.list)
      timeline.hear(event)
      tell(event)
    },
  })
}

/** Writes the model and what verifies it. */
async function finish(
  { kept, out, tell, work }: Member,
  { chain, store }: Archive,
  self: number,
  last: RoundReport,
  signal: AbortSignal,
): Promise<void> {
  tell({ type: 'writing', directory: out })
  await writeOutput({ out, signed: kept.signed, chain, store, work, last, signal })
  tell({ type: 'serving', own: last.value.entries.filter(({ member }) => member === self) })
}

interface Done {
  driver: Driver
  ledger: Ledger
  timeline: Timeline
  post: Post
}

function resultOf({ goesOn, kept, node, out }: Member, { chain }: Archive, done: Done): PeerResult {
  const { driver, ledger, timeline, post } = done
  const { plan } = kept.signed
  const { last, payloadBytes } = driver
  if (last === null) throw new Error('a federation ended without a round')
  const rounds = chain.certified()
  return {
    planId: toHex(plan.id),
    peerId: node.peerId,
    root: chain.last?.value.merged ?? '',
    certificates: rounds.map(({ certificate }) => certificate),
    rounds,
    last,
    goesOn,
    traffic: node.traffic(),
    served: ledger.servedBytes,
    times: timeline.rounds(),
    fits: driver.fits,
    payloadBytes,
    contributions: ledger
      .contributions()
      .map((sent) => ({ ...sent, block: blockOfSlot(sent.block, plan.offer.model.blocks) })),
    refused: post.refused.list(),
    members: plan.members.map(({ peer, site }) => ({ site, peerId: peerIdText(peer) })),
    out,
  }
}

/** The members that this peer may dial, by peer id. */
function addressesOf({ kept, upstream }: Member, connect: 'all' | 'upstream'): Map<string, Multiaddr[]> {
  const known = keptAddresses(kept)
  return connect === 'all' ? known : new Map([...known].filter(([peer]) => peer === upstream))
}
