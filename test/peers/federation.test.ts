import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PeerEvent } from '../../peers/events.ts'
import { identityFromSeed } from '../../peers/identity.ts'
import { found, join, type PeerResult } from '../../peers/peer.ts'
import { toHex } from '../../protocols/encoding.ts'
import { parseInvitation } from '../../protocols/invitation.ts'
import type { Offer } from '../../protocols/offer.ts'
import { decodeSignedPlan } from '../../protocols/plan.ts'
import { certificateFault, decodeCertificate } from '../../protocols/round/certificate.ts'
import { mergedRoot } from '../../src/merge/roots.ts'
import { MatrixWork, TARGET } from './matrices.ts'
import { LOOPBACK, temporaryDirectory } from './support.ts'

const BLOCKS = 6

type Topology = 'mesh' | 'star' | 'line'

interface Scene {
  members: number
  topology: Topology
  offer?: Partial<Offer>
  capacities?: number[]
  keepMerges?: boolean
}

interface Outcome {
  results: PeerResult[]
  works: MatrixWork[]
  events: PeerEvent[][]
}

function offerOf(members: number, fields: Partial<Offer> = {}) {
  return {
    model: { name: 'matrices', hash: new Uint8Array(32).fill(3), parameters: 4608, blocks: BLOCKS },
    pruner: 'wanda' as const,
    target: TARGET,
    rounds: 1,
    untilChange: null,
    sample: 1_000_000,
    windows: 1,
    window: 8,
    members,
    roundTimeoutMs: null,
    ...fields,
  }
}

/** Founds and runs a federation of real peers on loopback, until all have ended. */
async function federation(context: TestContext, scene: Scene): Promise<Outcome> {
  const { members, topology, capacities = [] } = scene
  const signal = AbortSignal.timeout(18_000)
  const root = await temporaryDirectory(context)
  const works = Array.from({ length: members }, (_, i) => new MatrixWork(BLOCKS, i))
  const events: PeerEvent[][] = works.map(() => [])
  /** By peer: the line by which others join through it. */
  const lines = works.map(() => Promise.withResolvers<string>())
  let suffix = ''
  const initOf = async (i: number) => ({
    place: { data: joinPath(root, `${i}`, 'data'), out: joinPath(root, `${i}`) },
    privateKey: await identityFromSeed('federation', i),
    listen: topology === 'star' && i > 0 ? null : LOOPBACK,
    connect: topology === 'mesh' ? ('all' as const) : ('upstream' as const),
    keepMerges: scene.keepMerges,
    signal,
    onEvent(event: PeerEvent) {
      events[i].push(event)
      if (event.type === 'invitation') {
        suffix = event.line.slice(event.line.indexOf('#'))
        lines[0].resolve(event.line)
      } else if (event.type === 'listening' && i > 0) lines[i].resolve(`${event.addresses[0]}${suffix}`)
    },
  })
  const siteOf = (i: number) => ({ site: `site ${i}`, capacity: capacities[i] ?? 1_000_000, work: works[i] })
  const fixed = { nonce: new Uint8Array(16).fill(5), secret: new Uint8Array(16).fill(6) }
  const founding = found({ ...(await initOf(0)), ...siteOf(0), ...fixed, offer: offerOf(members, scene.offer) })
  const joining = works.slice(1).map(async (_, k) => {
    const i = k + 1
    const line = await lines[topology === 'line' ? i - 1 : 0].promise
    return join({ ...(await initOf(i)), invitation: parseInvitation(line), prepare: async () => siteOf(i) })
  })
  return { results: await Promise.all([founding, ...joining]), works, events }
}

function assertOneRoot({ results }: Outcome): void {
  const [first] = results
  assert.match(first.root, /^[0-9a-f]{64}$/)
  for (const result of results) {
    assert.equal(result.root, first.root)
    assert.deepEqual(result.certificates, first.certificates)
    assert.equal(result.planId, first.planId)
  }
}

test('the same federation in a mesh, a star and a line has the same root', async (context) => {
  const outcomes: Outcome[] = []
  for (const topology of ['mesh', 'star', 'line'] as const) {
    const outcome = await federation(context, { members: 4, topology })
    assertOneRoot(outcome)
    const [{ rounds }] = outcome.results
    assert.equal(rounds[0].contributions, 4 * BLOCKS)
    assert.deepEqual(rounds[0].uncovered, [])
    const neighbours = outcome.events.map((list) => {
      return Math.max(0, ...list.map((event) => (event.type === 'neighbours' ? event.connected : 0)))
    })
    if (topology === 'star') assert.deepEqual(neighbours, [3, 1, 1, 1])
    if (topology === 'line') assert.deepEqual(neighbours, [1, 2, 2, 1])
    outcomes.push(outcome)
  }
  assert.equal(new Set(outcomes.map(({ results }) => results[0].root)).size, 1)
  assert.equal(new Set(outcomes.map(({ results }) => results[0].certificates.join())).size, 1)
})

test('what a peer keeps is enough to check every signature and to merge again', async (context) => {
  const { results, works } = await federation(context, {
    members: 4,
    topology: 'mesh',
    offer: { rounds: 2, sample: 500_000 },
    capacities: [500_000, 500_000, 500_000, 500_000],
  })
  for (const { certificates, out, root } of results) {
    const names = (await readdir(out)).sort()
    assert.deepEqual(names, ['certificates', 'contributions', 'data', 'model', 'plan.cbor'])
    const { plan } = decodeSignedPlan(await readFile(joinPath(out, 'plan.cbor')))
    const chain = await Promise.all(
      certificates.map(async (_, i) =>
        decodeCertificate(await readFile(joinPath(out, 'certificates', `${i + 1}.cbor`))),
      ),
    )
    assert.deepEqual(
      chain.map((certificate) => certificateFault(plan, certificate)),
      [null, null],
    )
    const last = chain[1].value
    assert.equal(last.merged, root)
    const named = new Set(last.entries.map((entry) => entry.root))
    assert.deepEqual(new Set(await readdir(joinPath(out, 'contributions'))), named)
    const roots: Array<Uint8Array | null> = []
    for (let block = 0; block < BLOCKS; block++) {
      const files = last.entries
        .filter((entry) => entry.block === block)
        .map((entry) => joinPath(out, 'contributions', entry.root))
      const merged = await works[0].merge({ block, files, out: joinPath(out, `again-${block}`), previous: null })
      roots.push(merged.root)
    }
    assert.equal(toHex(mergedRoot(roots)), root)
  }
  assert.ok(works.every(({ pruned, written }) => pruned.length === BLOCKS && written.length === 1))
})

test('members take on what they can, and every block is covered in every round', async (context) => {
  const capacities = [1_000_000, 500_000, 250_000, 250_000]
  const { results } = await federation(context, { members: 4, topology: 'mesh', capacities })
  const [{ entries }] = results[0].rounds.map(({ value }) => value)
  const bySite = Array.from({ length: 4 }, (_, member) => entries.filter((entry) => entry.member === member).length)
  assert.deepEqual(bySite.sort(), [2, 2, 3, 6])
  const byBlock = Array.from({ length: BLOCKS }, (_, block) => entries.filter((entry) => entry.block === block).length)
  assert.ok(
    byBlock.every((count) => count === 2 || count === 3),
    String(byBlock),
  )
})

test('bytes are counted at the sockets, and merges of every round are kept where asked for', async (context) => {
  const { results, events } = await federation(context, {
    members: 2,
    topology: 'star',
    offer: { rounds: 2 },
    keepMerges: true,
  })
  for (const { payloadBytes, rounds, traffic } of results) {
    assert.ok(payloadBytes > 0 && traffic.sentBytes > payloadBytes && traffic.receivedBytes > payloadBytes)
    assert.deepEqual(
      rounds.map(({ merged }) => merged.size),
      [BLOCKS, BLOCKS],
    )
    assert.ok(rounds[0].traffic.sentBytes < rounds[1].traffic.sentBytes)
    for (const file of rounds.flatMap(({ merged }) => [...merged.values()])) await readFile(file)
    assert.equal(rounds[1].moved, 0, 'the second round has the same contributions')
  }
  const types = new Set(events[1].map(({ type }) => type))
  for (const type of ['offer', 'waiting', 'founded', 'prune', 'step', 'round', 'writing', 'serving']) {
    assert.ok(types.has(type as PeerEvent['type']), type)
  }
})

test('sixteen peers in one process end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 16, topology: 'mesh' }))
})

test('eight peers of which seven only dial out end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 8, topology: 'star' }))
})
