import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { signedOnce } from '../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
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
  await founder.said('stderr', /^Round 1 of 2 agreed: \d+ contributions merged/m)
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
    assert.deepEqual(names, ['certificates', 'contributions', 'model', 'plan.cbor', 'report.html', 'report.json'])
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

test('a founder that is gone for good is missed by nobody, and members come back without it', async (context) => {
  const { founder, members, id } = await four(context, 'after sync plans.wal commit 1', ['--round-timeout', '5'])
  await founder.killed()
  await members[0].killedAndBack('resume', id)
  await members[0].said('stderr', new RegExp(`^Federation ${id}, round [12] of 2: going on$`, 'm'))
  const ended = await Promise.all(members.map((site) => site.ended))
  for (const { exit, stderr } of ended) assert.equal(exit, 0, stderr)
  const roots = ended.map(({ stdout }) => /^The sites agreed on this model: ([0-9a-f]{64})$/m.exec(stdout)?.[1])
  assert.deepEqual(roots, [roots[0], roots[0], roots[0]])
  assert.match(String(roots[0]), /^[0-9a-f]{64}$/)
})

test('a founder that comes back at another address finds the others, and they keep its new one', async (context) => {
  const { founder, members, id } = await four(context, 'after sync plans.wal commit 1')
  await founder.killed()
  const port = await freePort()
  founder.again(null, ...founder.argv, '--listen', `/ip4/127.0.0.1/tcp/${port}`)
  await founder.said('stderr', new RegExp(`^Federation ${id}, round 1 of 2: going on$`, 'm'))
  const ended = await Promise.all([founder, ...members].map((site) => site.ended))
  for (const { exit, stderr } of ended) assert.equal(exit, 0, stderr)
  const roots = new Set(
    ended.map(({ stdout }) => /^The sites agreed on this model: ([0-9a-f]{64})$/m.exec(stdout)?.[1]),
  )
  assert.equal(roots.size, 1)
  const known = await Promise.all(
    members.map(async ({ state }) =>
      readFileSync(join(await onlyFederation(join(state, 'coppice')), 'kept.json'), 'utf8'),
    ),
  )
  assert.ok(known.some((kept) => kept.includes(`/ip4/127.0.0.1/tcp/${port}/`)))
})

test('one data directory serves five federations, in one of which its peer is killed', async (context) => {
  const cwd = await temporaryDirectory(context)
  const texts = [0, 1].map((site) => siteText(cwd, site))
  const plan = ['--members', '2', '--pruner', 'wanda', '--windows', '2', '--window', '64']
  const founding = (turn: number) => [
    'peer',
    ...MODEL,
    ...plan,
    '--text',
    texts[0],
    '--out',
    join(cwd, `out-0-${turn}`),
  ]
  const joining = (line: string, turn: number) => [
    'join',
    line,
    ...MODEL,
    '--text',
    texts[1],
    '--out',
    join(cwd, `out-1-${turn}`),
  ]
  const founder = new SiteProcess(context, cwd, ...founding(1))
  const member = new SiteProcess(context, { cwd, killAt: null }, ...joining(await founder.invitation(), 1))
  const ids = new Set<string>()
  for (const turn of [1, 2, 3, 4, 5]) {
    if (turn > 1) {
      founder.again(null, ...founding(turn), '--yes')
      const killAt = turn === 3 ? 'after sync journal.wal prevote 1' : null
      member.again(killAt, ...joining(await founder.invitation(), turn), '--yes')
      if (killAt !== null) {
        await member.killed()
        member.again(null)
      }
    }
    for (const { exit, stderr } of await Promise.all([founder.ended, member.ended])) assert.equal(exit, 0, stderr)
    const reports = [0, 1].map((site) =>
      JSON.parse(readFileSync(join(cwd, `out-${site}-${turn}`, 'report.json'), 'utf8')),
    )
    assert.equal(reports[0].root, reports[1].root)
    ids.add(reports[1].federation)
  }
  assert.equal(ids.size, 5)
  const federations = join(member.state, 'coppice', 'federations')
  assert.deepEqual(new Set(readdirSync(federations)), ids)
  for (const id of ids) signedOnce(join(federations, id))
})

/** Four sites that have signed, of which the founder is killed at a deed. */
async function four(context: TestContext, killAt: string, plan: string[] = []) {
  const cwd = await temporaryDirectory(context)
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  const founder = new SiteProcess(context, { cwd, killAt }, 'peer', ...PLAN, ...plan, ...options(0))
  const line = await founder.invitation()
  const members = [1, 2, 3].map((site) => new SiteProcess(context, cwd, 'join', line, ...options(site)))
  const signed = members.map((member) => member.said('stderr', /^All have signed\. Federation ([0-9a-f]{8})/m))
  const [[, id]] = await Promise.all(signed)
  return { founder, members, id }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
