import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { keptFederations } from '../../peers/kept/find.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { Held } from '../support/faults/held-work.ts'
import { assertOneRoot, type Running, startFederation } from '../support/federations.ts'
import { onlyFederation, temporaryDirectory } from '../support/nodes.ts'
import { flipped } from '../support/people.ts'

/** The event by which a peer has told that it goes on. */
function goingOn({ events }: Running, member: number) {
  return events[member].find((event) => event.type === 'goingOn')
}

/** Flips a bit in one file of a directory, at any depth. */
async function spoil(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const file = entries.find((entry) => entry.isFile())
  assert.ok(file, directory)
  const path = join(file.parentPath, file.name)
  await writeFile(path, flipped(new Uint8Array(await readFile(path)), 3))
}

test('a founder and a member that stop in the second round go on with it, and need nobody in particular', async (context) => {
  const works = [1, 1, 0, 0].map((_, i) => new Held(i, 'prune', 1))
  const offer = { rounds: 2 }
  const running = await startFederation(context, { members: 4, topology: 'mesh', offer, work: (i) => works[i] })
  for (const work of works) await work.reached.promise
  await Promise.all([running.stop(0), running.stop(1)])
  await spoil(join(await onlyFederation(join(running.root, '1', 'data')), 'blobs'))
  for (const work of works) work.gate.resolve()
  running.peers[1] = running.back(1)
  running.peers[0] = running.back(0)
  const results = await Promise.all(running.peers)
  assertOneRoot({ ...running, results })
  for (const member of [0, 1]) assert.equal(goingOn(running, member)?.round, 2)
  for (const [member, { goesOn, rounds, certificates }] of results.entries()) {
    assert.equal(goesOn, member < 2)
    assert.deepEqual(
      rounds.map(({ round, certificate }) => [round, certificate]),
      [1, 2].map((round) => [round, certificates[round - 1]]),
    )
    assert.deepEqual(rounds, results[2].rounds, 'a peer that came back tells of all rounds as the others do')
  }
  const kept = await keptFederations(join(running.root, '1', 'data'))
  assert.deepEqual(
    kept.map(({ facts }) => facts.finished),
    [true],
  )
})

test('a peer that stops between the last certificate and its model writes the model when it comes back', async (context) => {
  const works = [0, 1].map((i) => new Held(i, 'writeModel', i === 0 ? 1 : 0))
  const written = Promise.withResolvers<void>()
  const onEvent = (member: number, { type }: PeerEvent) => {
    if (member === 1 && type === 'serving') written.resolve()
  }
  const running = await startFederation(context, { members: 2, topology: 'mesh', work: (i) => works[i], onEvent })
  await works[1].reached.promise
  await running.stop(1)
  works[1].gate.resolve()
  // A crash leaves what it was at: a model in the making, a merge that is half-written.
  const out = join(running.root, '1', 'out')
  await mkdir(join(out, 'model.part'), { recursive: true })
  const directory = await onlyFederation(join(running.root, '1', 'data'))
  await spoil(join(directory, 'merges'))
  running.peers[1] = running.back(1)
  await written.promise
  assert.equal(goingOn(running, 1)?.round, 1)
  const { root } = await running.peers[0]
  for (const name of await readdir(join(running.root, '0', 'out', 'model'))) {
    const models = [0, 1].map((i) => readFile(join(running.root, `${i}`, 'out', 'model', name)))
    const [first, second] = await Promise.all(models)
    assert.deepEqual(first, second, `${name} of ${root}`)
  }
  assert.deepEqual((await readdir(out)).sort(), ['certificates', 'contributions', 'model', 'plan.cbor'])
  await running.stop(1)
})

test('a peer that comes back alone to a damaged contribution says at once which, and ends when another comes', async (context) => {
  const [written, lacked] = [Promise.withResolvers<void>(), Promise.withResolvers<PeerEvent>()]
  const works = [0, 1].map((i) => new Held(i, 'writeModel', i === 0 ? 2 : 0))
  const onEvent = (member: number, event: PeerEvent) => {
    if (member === 0 && event.type === 'serving') written.resolve()
    if (event.type === 'lacks') lacked.resolve(event)
  }
  const running = await startFederation(context, { members: 2, topology: 'mesh', work: (i) => works[i], onEvent })
  await Promise.all([written.promise, works[1].reached.promise])
  await Promise.all([running.stop(0), running.stop(1)])
  works[1].gate.resolve()
  const blobs = join(await onlyFederation(join(running.root, '1', 'data')), 'blobs')
  const contribution = (await readdir(join(running.root, '0', 'out', 'contributions')))[0]
  const path = join(blobs, contribution)
  await writeFile(path, flipped(new Uint8Array(await readFile(path)), 3))
  running.peers[1] = running.back(1)
  const said = await lacked.promise
  assert.equal(said.type === 'lacks' && said.id, contribution)
  running.peers[0] = running.back(0)
  assertOneRoot({ ...running, results: await Promise.all(running.peers) })
})

test('a federation is finished for a site when the site has concluded it, and not before', async (context) => {
  const concluded = [0, 0]
  const conclude = async (member: number) => {
    if (++concluded[member] === 1) throw new Error('killed')
  }
  const running = await startFederation(context, { members: 2, topology: 'mesh', conclude })
  await Promise.all(running.peers.map((peer) => assert.rejects(peer, /killed/)))
  assert.deepEqual(await finished(running), [false, false])
  await Promise.all([running.back(0), running.back(1)])
  assert.deepEqual(
    [concluded, await finished(running)],
    [
      [2, 2],
      [true, true],
    ],
  )
})

/** Whether the only federation of each member is finished. */
async function finished({ root, peers }: Running): Promise<boolean[]> {
  const kept = await Promise.all(peers.map((_, i) => keptFederations(join(root, `${i}`, 'data'))))
  return kept.map(([{ facts }]) => facts.finished)
}

test('one data directory serves five federations one after another, one of which it leaves and comes back to', async (context) => {
  const root = await temporaryDirectory(context)
  const ids = new Set<string>()
  for (const turn of [1, 2, 3, 4, 5]) {
    const works = [0, 1].map((i) => new Held(i, 'prune', turn === 3 && i === 1 ? 0 : 1))
    const scene = { members: 2, topology: 'mesh', again: { root, turn }, work: (i: number) => works[i] } as const
    const running = await startFederation(context, scene)
    if (turn === 3) {
      await works[1].reached.promise
      await running.stop(1)
      works[1].gate.resolve()
      running.peers[1] = running.back(1)
    }
    const results = await Promise.all(running.peers)
    assertOneRoot({ ...running, results })
    assert.equal(goingOn(running, 1) !== undefined, turn === 3)
    ids.add(results[0].planId)
  }
  assert.equal(ids.size, 5)
  const kept = await keptFederations(join(root, '1', 'data'))
  assert.deepEqual(new Set(kept.map(({ signed }) => toHex(signed.plan.id))), ids)
  assert.deepEqual(
    kept.map(({ facts }) => facts.finished),
    new Array(5).fill(true),
  )
})
