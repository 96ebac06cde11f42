/** Whole federations of real peers on loopback, for tests. */

import assert from 'node:assert/strict'
import { join as joinPath } from 'node:path'
import type { TestContext } from 'node:test'
import { DataDirectory } from '../../peers/disk/data-directory.ts'
import { identityFromSeed } from '../../peers/disk/identity.ts'
import { keptFederations } from '../../peers/kept/find.ts'
import type { PeerNode } from '../../peers/network/node.ts'
import { found, join, type PeerInit, type PeerResult, resume } from '../../peers/peer.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import type { Work } from '../../peers/work/work.ts'
import { parseInvitation } from '../../protocols/plan/invitation.ts'
import type { Offer } from '../../protocols/plan/offer.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { MatrixWork, TARGET } from './matrices.ts'
import { LOOPBACK, temporaryDirectory } from './nodes.ts'

/** Decoder blocks of the model of matrices. */
export const BLOCKS = 6

type Topology = 'mesh' | 'star' | 'line'

interface Scene {
  members: number
  topology: Topology
  offer?: Partial<Offer>
  capacities?: number[]
  keepMerges?: boolean
  /** The time until all peers are stopped. */
  limitMs?: number
  /** Another federation of the same sites, by its number and where they have their directories. */
  again?: { root: string; turn: number }
  clock?: Clock
  conclude?(member: number): Promise<void>
  onNode?(node: PeerNode, member: number): void
  onEvent?(member: number, event: PeerEvent): void
  /** More of a peer's start: whoever watches it. */
  init?(member: number): Partial<PeerInit>
  /** The work of a member; default: a MatrixWork. */
  work?(member: number): Work
}

export interface Outcome {
  results: PeerResult[]
  events: PeerEvent[][]
}

export interface Running extends Omit<Outcome, 'results'> {
  /** The peer of each member; each may fail by itself. */
  peers: Array<Promise<PeerResult>>
  /** Peer i has OUT at ROOT/i/out, DATA at ROOT/i/data. */
  root: string
  /** Stops a peer, and waits for its end. */
  stop(member: number): Promise<void>
  /** Starts a peer again that has stopped, from what it has on the disk. */
  back(member: number): Promise<PeerResult>
  /** Starts a member again that has stopped, by the line of its invitation. */
  joinAgain(member: number): Promise<PeerResult>
}

function offerOf(members: number, fields: Partial<Offer> = {}) {
  return {
    model: { name: 'matrices', hash: new Uint8Array(32).fill(3), parameters: 4608, blocks: BLOCKS },
    method: { pruner: 'wanda' as const, target: TARGET },
    rounds: 1,
    untilChange: null,
    sample: 1_000_000,
    windows: 1,
    window: 256,
    members,
    roundTimeoutMs: null,
    ...fields,
  }
}

/** Founds and runs a federation of real peers on loopback, until all have ended. */
export async function federation(context: TestContext, scene: Scene): Promise<Outcome> {
  const { peers, events } = await startFederation(context, scene)
  return { results: await Promise.all(peers), events }
}

/** Starts the peers of a federation on loopback. */
export async function startFederation(context: TestContext, scene: Scene): Promise<Running> {
  const { members, topology, capacities = [], limitMs = 60_000 } = scene
  const limit = AbortSignal.timeout(limitMs)
  const stops = Array.from({ length: members }, () => new AbortController())
  const { root, turn } = scene.again ?? { root: await temporaryDirectory(context), turn: 0 }
  const outOf = (i: number) => joinPath(root, `${i}`, turn === 0 ? 'out' : `out-${turn}`)
  const works = Array.from({ length: members }, (_, i) => scene.work?.(i) ?? new MatrixWork(BLOCKS, i))
  const events: PeerEvent[][] = works.map(() => [])
  /** The line by which others join through a peer. */
  const lines = works.map(() => Promise.withResolvers<string>())
  let suffix = ''
  const dataOf = async (i: number) =>
    DataDirectory.open(joinPath(root, `${i}`, 'data'), { privateKey: await identityFromSeed('federation', i) })
  const initOf = (i: number) => ({
    place: { out: outOf(i) },
    agree: null,
    listen: topology === 'star' && i > 0 ? null : LOOPBACK,
    connect: topology === 'mesh' ? ('all' as const) : ('upstream' as const),
    keepMerges: scene.keepMerges,
    clock: scene.clock,
    conclude: async () => scene.conclude?.(i),
    onNode: (node: PeerNode) => scene.onNode?.(node, i),
    ...scene.init?.(i),
    signal: AbortSignal.any([limit, stops[i].signal]),
    onEvent(event: PeerEvent) {
      events[i].push(event)
      scene.onEvent?.(i, event)
      if (event.type === 'invitation') {
        suffix = event.line.slice(event.line.indexOf('#'))
        lines[0].resolve(event.line)
      } else if (event.type === 'listening' && i > 0) lines[i].resolve(`${event.addresses[0]}${suffix}`)
    },
  })
  const siteOf = (i: number) => ({ site: `site ${i}`, capacity: capacities[i] ?? 1_000_000, work: () => works[i] })
  const fixed = { nonce: new Uint8Array(16).fill(5 + turn), secret: new Uint8Array(16).fill(6) }
  const founding = async () => {
    await using data = await dataOf(0)
    return await found({ ...initOf(0), data, ...siteOf(0), ...fixed, offer: offerOf(members, scene.offer) })
  }
  const joinAs = async (i: number) => {
    const line = await lines[topology === 'line' ? i - 1 : 0].promise
    await using data = await dataOf(i)
    return await join({ ...initOf(i), data, invitation: parseInvitation(line), prepare: async () => siteOf(i) })
  }
  const peers = [founding(), ...works.slice(1).map((_, i) => joinAs(i + 1))]
  return {
    peers,
    events,
    root,
    async stop(i) {
      stops[i].abort(new Error('stopped'))
      await peers[i].catch(() => undefined)
    },
    async back(i) {
      stops[i] = new AbortController()
      await using data = await dataOf(i)
      const [kept] = await keptFederations(data.path)
      const init = { ...initOf(i), connect: 'all' as const, listen: LOOPBACK, data, kept, work: () => works[i] }
      return await resume({ ...init, place: { out: outOf(i), kept: kept.signed.plan.id } })
    },
    joinAgain(i) {
      stops[i] = new AbortController()
      return joinAs(i)
    },
  }
}

export function assertOneRoot({ results }: Pick<Outcome, 'results'>): void {
  const [first] = results
  assert.match(first.root, /^[0-9a-f]{64}$/)
  for (const result of results) {
    assert.equal(result.root, first.root)
    assert.deepEqual(result.certificates, first.certificates)
    assert.equal(result.planId, first.planId)
  }
}
