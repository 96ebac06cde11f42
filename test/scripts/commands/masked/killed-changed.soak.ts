import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signedOnce } from '../../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../../support/nodes.ts'
import { siteText } from '../../../support/sites.ts'
import { assertNoTrace, fatalSecrets } from './disks.ts'
import { assertOneEnd, assertOnlyListed, startSites } from './masked-sites.ts'

const LIST = 3
/** Where the rest of the list is waited for: it is one of three, and three are needed. */
const WAIT = ['--round-timeout', '1']

test('a site that is killed while it masks, and after its reveal, does neither twice; one with another text offers nothing', async (context) => {
  const cwd = await temporaryDirectory(context)
  // The sheet of one is signed, and not sent: nobody has more than its own secrets.
  const killAt = [null, 'after sync plans.wal commit 2', 'after rename secrets received used 1 ', null]
  const sites = await startSites(context, cwd, { members: 4, groups: 1, killAt, options: WAIT })
  const [, masking, changed] = sites
  await masking.killed()
  const fatal = await fatalSecrets(sites)
  masking.again('after rename blobs/ID .* own vector')
  await Promise.all([masking.killed(), changed.killed()])
  copyFileSync(siteText(cwd, 9), join(cwd, 'site-2.txt'))
  changed.again(null)
  masking.again('after sync journal.wal commit 4')
  await masking.killed()
  masking.again(null)
  const value = await assertOneEnd(sites, cwd)
  const listed = value.entries.filter(({ round }) => round === LIST)
  assert.equal(new Set(listed.map(({ member }) => member)).size, 3)
  assertOnlyListed(sites, value)
  assert.ok(!changed.deeds().some((deed) => /own vector/.test(deed)))
  assertNoTrace([cwd, ...sites.map(({ state }) => state)], fatal, value.entries)
  for (const { state } of sites) signedOnce(await onlyFederation(join(state, 'coppice')))
})
