import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signedOnce } from '../../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../../support/nodes.ts'
import type { SiteProcess } from '../../../support/sites.ts'
import { assertNoTrace, fatalSecrets } from './disks.ts'
import { assertOneEnd, assertOnlyListed, startSites } from './masked-sites.ts'

/** Two groups: a round of keys, one of sheets, and for each group a list and reveals. */
const GROUPS = 2
const ROUNDS = 6
/** In each round a commit, a prevote, a precommit. */
const LEAST_SIGNED = 3 * ROUNDS

/** The moments at which a site is killed, one after the other; see deeds.ts. */
const BEFORE = [
  'after rename secrets drawn',
  'after sync plans.wal commit 1', // its key may have been sent
  'before rename secrets dealt',
  'after rename secrets dealt',
]
/** Its sheet is signed, and not sent. */
const DEALT = 'after sync plans.wal commit 2'
/** Its sheet is certified. */
const RECEIVING = [
  'after rename certificates/2.cbor',
  'before rename secrets received',
  'after rename secrets received',
]
/** @param list - the round of an opening's list */
const within = (list: number) => {
  const opening = (list - 1) / 2
  return [
    `after rename secrets received used ${opening} `, // it may mask
    'before rename blobs/ID .* own vector', // it has masked a block
    'after rename blobs/ID .* own vector', // which is in its store, and in no commit
    `after sync journal.wal commit ${list}`, // its vectors are in its journal
    'after sync plans.wal$', // and counted, as it comes back: they may have been sent
    `before rename certificates/${list}.cbor`,
    `after rename certificates/${list}.cbor`,
    `before rename secrets received used ${opening} forgotten ${opening} revealed`,
    `after rename secrets received used ${opening} forgotten ${opening} revealed`, // its secrets are gone
    `after sync journal.wal commit ${list + 1}`, // its reveal is in its journal
    'after sync plans.wal$', // and counted: it may have been sent
    `after rename certificates/${list + 1}.cbor`,
    'after mkdir merges', // after its return it opens the sum
    `before rename secrets received used ${opening} forgotten ${opening}$`,
    `after rename secrets received used ${opening} forgotten ${opening}$`,
  ]
}
const ENDING = [
  'before rename out/model$',
  'after rename out/plan.cbor', // it serves the others
  'before rename out/report.json',
]

/**
 * Lets a site be killed at one moment after the other. It comes back by the same command.
 * @param next - the moment after the last of these; null: there is none
 */
async function killedAtAll(site: SiteProcess, moments: readonly string[], next: string | null): Promise<void> {
  for (const [i] of moments.entries()) {
    await site.killed()
    site.again(moments[i + 1] ?? next)
  }
}

test('sites of a masked federation that are killed at every state mask and reveal once, and forget all secrets', async (context) => {
  const cwd = await temporaryDirectory(context)
  // All three are needed for each step, so nothing goes on without the one that is killed.
  const [first, second] = [
    [...RECEIVING, ...within(3), ...within(5), ...ENDING],
    [...within(5), ...ENDING],
  ]
  const killAt = [BEFORE[0], second[0], null]
  const sites = await startSites(context, cwd, { members: 3, groups: GROUPS, killAt })
  await killedAtAll(sites[0], BEFORE, DEALT)
  await sites[0].killed()
  const fatal = await fatalSecrets(sites)
  sites[0].again(first[0])
  await Promise.all([killedAtAll(sites[0], first, null), killedAtAll(sites[1], second, null)])
  const value = await assertOneEnd(sites, cwd)
  assert.equal(value.round, ROUNDS)
  assertOnlyListed(sites, value)
  assertNoTrace([cwd, ...sites.map(({ state }) => state)], fatal, value.entries)
  for (const { state } of sites) {
    const federation = await onlyFederation(join(state, 'coppice'))
    assert.ok(signedOnce(federation) >= LEAST_SIGNED)
    for (const name of ['abstains', 'journal.wal.refused']) assert.ok(!existsSync(join(federation, name)), name)
  }
})
