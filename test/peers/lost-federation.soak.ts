import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { FEDERATIONS_NAME } from '../../peers/disk/data-directory.ts'
import { parseRecords } from '../../peers/disk/write-ahead-log.ts'
import { decodeBody, isBinding } from '../../protocols/round/messages/messages.ts'
import { HASH_BYTES } from '../../protocols/wire/encoding.ts'
import { Held } from '../support/faults/held-work.ts'
import { assertOneRoot, startFederation } from '../support/federations.ts'
import { onlyFederation } from '../support/nodes.ts'

test('a member that has lost all of its federation signs nothing in the rounds that it has signed in, and then again', async (context) => {
  const works = [9, 9, 2, 2].map((rounds, i) => new Held(i, 'prune', rounds))
  // Long enough for all four in the first rounds: who is late in one prunes once less, and is not held in the third.
  const offer = { rounds: 3, roundTimeoutMs: 3000 }
  const running = await startFederation(context, { members: 4, topology: 'mesh', offer, work: (i) => works[i] })
  await Promise.all([works[2].reached.promise, works[3].reached.promise])
  await running.stop(3)
  const data = join(running.root, '3', 'data')
  await rm(join(data, FEDERATIONS_NAME), { recursive: true })
  works[3].gate.resolve()
  running.peers[3] = running.joinAgain(3)
  // The third round needs its votes: one of the other three is held up.
  const results = await Promise.all(running.peers)
  assertOneRoot({ ...running, results })
  const abstains = running.events[3].find((event) => event.type === 'abstains')
  assert.equal(abstains?.until, 2)
  const path = join(await onlyFederation(data), 'journal.wal')
  const { records } = parseRecords(path, new Uint8Array(await readFile(path)))
  const binding = records.map((record) => decodeBody(record.subarray(HASH_BYTES))).filter(isBinding)
  assert.deepEqual(new Set(binding.map(({ round }) => round)), new Set([3]))
})
