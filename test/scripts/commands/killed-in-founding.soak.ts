import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--members', '2', '--pruner', 'wanda', '--windows', '2', '--window', '64']

/** A founder and a member, each killed at a deed of its founding (see deeds.ts), or not at all. */
async function scene(context: TestContext, killAt: { founder?: string; member?: string }) {
  const cwd = await temporaryDirectory(context)
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  const founder = new SiteProcess(context, { cwd, killAt: killAt.founder ?? null }, 'peer', ...PLAN, ...options(0))
  const joining = (line: string) => ['join', line, ...options(1)]
  const place = { cwd, killAt: killAt.member ?? null }
  const member = new SiteProcess(context, place, ...joining(await founder.invitation()))
  return {
    founder,
    member,
    joining,
    /** Both end well, with one root. Returns the id of their federation. */
    async endTogether(): Promise<string> {
      for (const { exit, stderr } of await Promise.all([founder.ended, member.ended])) assert.equal(exit, 0, stderr)
      const reports = [0, 1].map((site) => JSON.parse(readFileSync(join(cwd, `out-${site}`, 'report.json'), 'utf8')))
      assert.deepEqual(reports[0].root, reports[1].root)
      assert.deepEqual(reports[0].federation, reports[1].federation)
      return reports[0].federation
    },
  }
}

const FOUNDED = /^All have signed\. Federation ([0-9a-f]{64})/m

test('a member that is killed before its signature is sent ends the founding, and joins the next one', async (context) => {
  const { founder, member, joining, endTogether } = await scene(context, { member: 'after sync plans.wal' })
  await member.killed()
  const { exit, stderr } = await founder.ended
  assert.equal(exit, 6, stderr)
  assert.match(stderr, /left before it signed the plan \(NO_AGREEMENT_SIGNATURES\)/)
  member.again(null)
  const alone = await member.ended
  assert.equal(alone.exit, 5, alone.stderr)
  founder.again(null)
  member.again(null, ...joining(await founder.invitation()), '--yes')
  await endTogether()
})

test('a member that is killed before it has kept the federation gets it again, from a founder that was restarted', async (context) => {
  const { founder, member, endTogether } = await scene(context, { member: 'before rename plan.cbor' })
  await member.killed()
  const [, id] = await founder.said('stderr', FOUNDED)
  await founder.killedAndBack()
  await founder.said('stderr', /^Federation [0-9a-f]{8}, round 1 of 1: going on$/m)
  member.again(null)
  await member.said('stderr', FOUNDED)
  assert.equal(await endTogether(), id)
})

test('a founder that is killed before it has kept the federation has founded none', async (context) => {
  const { founder, member, joining, endTogether } = await scene(context, { founder: 'before rename plan.cbor' })
  await founder.killed()
  const { exit, stderr } = await member.ended
  assert.equal(exit, 5, stderr)
  assert.match(stderr, /NETWORK_FOUNDER_GONE/)
  founder.again(null)
  member.again(null, ...joining(await founder.invitation()), '--yes')
  await endTogether()
})

test('a founder that is killed before it has told that all have signed goes on, and its member with it', async (context) => {
  const { founder, member, endTogether } = await scene(context, { founder: 'after rename plan.cbor' })
  await founder.killed()
  const { exit, stderr } = await member.ended
  assert.equal(exit, 5, stderr)
  founder.again(null)
  const [, id] = await founder.said('stderr', /^Federation ([0-9a-f]{8}), round 1 of 1: going on$/m)
  member.again(null)
  await member.said('stderr', FOUNDED)
  assert.equal((await endTogether()).slice(0, 8), id)
})
