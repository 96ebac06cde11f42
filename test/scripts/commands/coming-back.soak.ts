import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { signedOnce } from '../../support/signed-once.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--members', '4', '--pruner', 'wanda', '--windows', '2', '--window', '64', '--rounds', '2']

test('a founder and a member that are killed go on with the same federation, from the same line or none', async (context) => {
  const directory = await temporaryDirectory(context)
  const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
  const out = (site: number) => ['--out', join(directory, `out-${site}`)]
  const founder = new SiteProcess(context, directory, 'peer', ...MODEL, ...PLAN, '--text', texts[0], ...out(0))
  const line = await founder.invitation()
  const joining = (site: number) => ['join', line, ...MODEL, '--text', texts[site], ...out(site)]
  const members = [1, 2, 3].map((site) => new SiteProcess(context, directory, ...joining(site)))
  const sites = [founder, ...members]
  const [, id] = await founder.said('stderr', /^All have signed\. Federation ([0-9a-f]{8})/m)
  // A member while it prunes or commits, the founder in the next round, the member again without its line.
  await members[0].said('stderr', /^All have signed/m)
  await members[0].killedAndBack()
  await members[0].said('stderr', new RegExp(`^Federation ${id}, round [12] of 2: going on$`, 'm'))
  await founder.said('stderr', /^Round 1: \d+ contributions merged/m)
  await founder.killedAndBack()
  await founder.said('stderr', new RegExp(`^Federation ${id}, round [12] of 2: going on$`, 'm'))
  await members[0].killedAndBack('resume', id)
  await members[0].said('stderr', new RegExp(`^Federation ${id}, round [12] of 2: going on$`, 'm'))
  const ended = await Promise.all(sites.map((site) => site.ended))
  for (const { exit, stderr } of ended) assert.equal(exit, 0, stderr)
  const reports = sites.map((_, site) =>
    JSON.parse(readFileSync(join(directory, `out-${site}`, 'report.json'), 'utf8')),
  )
  for (const { federation, root } of reports) {
    assert.equal(federation.slice(0, 8), id)
    assert.equal(root, reports[0].root)
  }
  for (const site of [0, 1]) {
    const names = readdirSync(join(directory, `out-${site}`)).sort()
    assert.deepEqual(names, ['certificates', 'contributions', 'model', 'plan.cbor', 'report.json'])
  }
  let signed = 0
  for (const { state } of sites) signed += signedOnce(await onlyFederation(join(state, 'coppice')))
  assert.ok(signed >= LEAST_SIGNED, `${signed} places`)
  await members[0].killedAndBack(...joining(1), '--yes')
  const again = await members[0].ended
  assert.equal(again.exit, 4, again.stderr)
  assert.match(again.stderr, /is finished \(REFUSED_FINISHED\)/)
})

/** Two rounds, a prevote and a precommit each, of the three members that are a quorum of four. */
const LEAST_SIGNED = 2 * 2 * 3
