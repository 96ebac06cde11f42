import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DataDirectory } from '../../peers/disk/data-directory.ts'
import { identityFromSeed } from '../../peers/disk/identity.ts'
import { keptFederations } from '../../peers/kept/find.ts'
import { resume } from '../../peers/peer.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import { Held } from '../support/faults/held-work.ts'
import { assertOneRoot, startFederation } from '../support/federations.ts'
import { LOOPBACK } from '../support/nodes.ts'

test('a copy of a data directory that is started beside it ends before it signs, and the federation goes on', async (context) => {
  const works = [0, 1, 2, 3].map((i) => new Held(i, 'prune', 1))
  const offer = { rounds: 2 }
  const committed = Promise.withResolvers<void>()
  const onEvent = (member: number, event: PeerEvent) => {
    if (member === 3 && event.type === 'announced' && event.round === 2) committed.resolve()
  }
  const running = await startFederation(context, {
    members: 4,
    topology: 'mesh',
    offer,
    work: (i) => works[i],
    onEvent,
  })
  for (const work of works) await work.reached.promise
  await running.stop(3)
  const copy = join(running.root, 'copy', 'data')
  await cp(join(running.root, '3', 'data'), copy, { recursive: true })
  works[3].gate.resolve()
  running.peers[3] = running.back(3)
  await committed.promise
  await using data = await DataDirectory.open(copy, { privateKey: await identityFromSeed('federation', 3) })
  const [kept] = await keptFederations(copy)
  const place = { out: join(running.root, 'copy', 'out'), kept: kept.signed.plan.id }
  const site = { work: () => new Held(9, 'prune'), agree: null, listen: LOOPBACK, connect: 'all' as const }
  const twin = resume({ ...site, data, kept, place, signal: AbortSignal.timeout(60_000) })
  await assert.rejects(twin, { code: 'OUTPUT_KEY_ELSEWHERE' })
  for (const work of works) work.gate.resolve()
  const results = await Promise.all(running.peers)
  assertOneRoot({ ...running, results })
  for (const { value } of running.events.flat().flatMap((event) => (event.type === 'round' ? event.round : []))) {
    assert.deepEqual(value.excluded, [])
  }
})
