import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { test } from 'node:test'
import type { PeerNode } from '../../peers/network/node.ts'
import { systemClock } from '../../peers/round/clock.ts'
import type { PeerEvent, RoundReport } from '../../peers/round/events.ts'
import type { PruneJob } from '../../peers/work/work.ts'
import { decodeSignedPlan } from '../../protocols/plan/plan.ts'
import { certificateFault, decodeCertificate } from '../../protocols/round/messages/certificate.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { mergedRoot } from '../../src/merge/roots.ts'
import { assertOneRoot, BLOCKS, federation, type Outcome, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'

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
    assertFetched(outcome, topology)
    outcomes.push(outcome)
  }
  assert.equal(new Set(outcomes.map(({ results }) => results[0].root)).size, 1)
  assert.equal(new Set(outcomes.map(({ results }) => results[0].certificates.join())).size, 1)
})

/** The rounds as a peer told of them. */
function reportsOf(events: readonly PeerEvent[]): RoundReport[] {
  return events.flatMap((event) => (event.type === 'round' ? event.round : []))
}

/**
 * Each site knows of its contributions, and of those alone who fetched them from it: only neighbours can have done so.
 */
function assertFetched({ results, events }: Outcome, topology: 'mesh' | 'star' | 'line'): void {
  const ids = results.map(({ peerId }) => peerId)
  const reach = {
    mesh: [
      [1, 2, 3],
      [0, 2, 3],
      [0, 1, 3],
      [0, 1, 2],
    ],
    star: [[1, 2, 3], [0], [0], [0]],
    line: [[1], [0, 2], [1, 3], [2]],
  }
  for (const [site, { contributions, members }] of results.entries()) {
    assert.deepEqual(new Set(members.map(({ peerId }) => peerId)), new Set(ids))
    const own = reportsOf(events[site])[0].value.entries.filter(({ member }) => members[member].peerId === ids[site])
    assert.deepEqual(
      contributions.map(({ round, block, id }) => [round, block, id]),
      own.map(({ round, block, root }) => [round, block, root]),
    )
    const neighbours = reach[topology][site].map((other) => ids[other])
    for (const { to, at } of contributions) {
      assert.ok(to.length > 0 && to.every((peer) => neighbours.includes(peer)), `${topology} ${site}: ${to}`)
      assert.ok(at > Date.UTC(2020, 0))
    }
  }
}

test('the files of a peer are enough to check every signature and to merge again', async (context) => {
  const capacities = [500_000, 500_000, 500_000, 500_000]
  const works = capacities.map((_, member) => new MatrixWork(BLOCKS, member))
  const { results } = await federation(context, {
    members: 4,
    topology: 'mesh',
    offer: { rounds: 2, sample: 500_000 },
    capacities,
    work: (member) => works[member],
  })
  for (const { certificates, out, root } of results) {
    const names = (await readdir(out)).sort()
    assert.deepEqual(names, ['certificates', 'contributions', 'model', 'plan.cbor'])
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
  const { events } = await federation(context, { members: 4, topology: 'mesh', capacities })
  const [{ entries }] = reportsOf(events[0]).map(({ value }) => value)
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
  for (const [site, { payloadBytes, rounds, traffic }] of results.entries()) {
    const reports = reportsOf(events[site])
    const merges = reports.map(({ merged }) => merged)
    assert.ok(payloadBytes > 0 && traffic.sentBytes > payloadBytes && traffic.receivedBytes > payloadBytes)
    assert.deepEqual(
      merges.map(({ size }) => size),
      [BLOCKS, BLOCKS],
    )
    assert.ok(reports[0].traffic.sentBytes < reports[1].traffic.sentBytes)
    for (const file of merges.flatMap((merged) => [...merged.values()])) await readFile(file)
    assert.equal(rounds[1].moved, 0, 'the second round has the same contributions')
  }
  const types = new Set(events[1].map(({ type }) => type))
  for (const type of ['waiting', 'signing', 'founded', 'prune', 'step', 'round', 'writing', 'serving']) {
    assert.ok(types.has(type as PeerEvent['type']), type)
  }
})

/** Pauses between two attempts are short. */
const clock: Clock = { ...systemClock, pause: (ms, signal) => systemClock.pause(ms / 20, signal) }

test('anti-entropy repairs the losses of gossip: a federation whose gossip is lost ends with one root', async (context) => {
  const onNode = (node: PeerNode) => {
    node.publish = async () => {}
  }
  assertOneRoot(await federation(context, { members: 4, topology: 'line', clock, onNode }))
})

test('two members who only dial out meet through any third, also without the founder', async (context) => {
  const met = new Set<string>()
  const nodes: PeerNode[] = []
  const signed = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const served = signed.map(() => Promise.withResolvers<void>())
  const gone = Promise.withResolvers<void>()
  const running = await startFederation(context, {
    members: 4,
    topology: 'mesh',
    clock,
    offer: { rounds: 2, roundTimeoutMs: 1000 },
    init: (member) => (member >= 2 ? { listen: null } : {}),
    work: (member) => (member === 0 ? new Idle(BLOCKS, 0) : new Late(member, gone.promise)),
    onNode(node, member) {
      nodes[member] = node
      if (member < 2) return
      node.libp2p.addEventListener('peer:connect', ({ detail }) => met.add(`${member} ${detail}`))
    },
    onEvent(member, { type }) {
      if (type === 'founded') signed[member].resolve()
      if (type === 'serving') served[member].resolve()
    },
  })
  await Promise.all(signed.map(({ promise }) => promise))
  await running.stop(0)
  await assert.rejects(running.peers[0])
  gone.resolve()
  await Promise.all(served.slice(1).map(({ promise }) => promise))
  const [first, ...reports] = running.events.slice(1).map(reportsOf)
  for (const rounds of reports)
    assert.deepEqual(
      rounds.map(({ value }) => value),
      first.map(({ value }) => value),
    )
  const [, third, one, other] = nodes.map(({ peerId }) => peerId)
  assert.ok(met.has(`2 ${third}`) && met.has(`3 ${third}`))
  assert.ok(!met.has(`2 ${other}`) && !met.has(`3 ${one}`))
  assert.equal(first.length, 2)
  for (const { value } of first)
    assert.equal(new Set(value.entries.map(({ member }) => member)).size, 3, 'each has what the other has contributed')
  await Promise.all([1, 2, 3].map((member) => running.stop(member)))
})

/** Contributes nothing until it is stopped. */
class Idle extends MatrixWork {
  override async prune({ signal }: PruneJob): Promise<void> {
    await once(signal, 'abort')
    signal.throwIfAborted()
  }
}

/** Contributes nothing before a moment. */
class Late extends MatrixWork {
  private readonly moment: Promise<unknown>

  constructor(member: number, moment: Promise<unknown>) {
    super(BLOCKS, member)
    this.moment = moment
  }

  override async prune(job: PruneJob): Promise<void> {
    await this.moment
    await super.prune(job)
  }
}
