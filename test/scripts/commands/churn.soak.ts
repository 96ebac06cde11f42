import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { certificateFile } from '../../../peers/disk/certificates.ts'
import { certificateId, decodeCertificate } from '../../../protocols/round/messages/certificate.ts'
import { coppice } from '../../support/command-line.ts'
import { signedOnce } from '../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { Random } from '../../support/random.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const SITES = 16
const ROUNDS = 30
const CHURN_MS = 600_000
/**
 * The time between two kills, if the killed site is back by then. On a machine where a start takes longer the next kill
 * waits for it: with more sites away than a quorum can miss no round could end, and that would show nothing.
 */
const KILL_INTERVAL_MS = 5_000
/** The longest time of a round that counts as certified: the wait for stragglers, four times. */
const ROUND_LIMIT_MS = 120_000
const LEAST_CERTIFIED = 0.95
const SEED = 15

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--members', `${SITES}`, '--rounds', `${ROUNDS}`, '--pruner', 'wanda', '--sample', '0.25']
const SMALL = ['--windows', '2', '--window', '64']

test('sixteen sites, one of which is killed every five seconds, certify their rounds and end with one root', async (context) => {
  const cwd = await temporaryDirectory(context)
  const { id, sites } = await founded(context, cwd)
  const federations = await Promise.all(sites.map(({ state }) => onlyFederation(join(state, 'coppice'))))
  const began = Date.now()
  const { kills, peakBytes } = await churn(sites, federations, id)
  const ended = Date.now()
  for (const { exit, stderr } of await Promise.all(sites.map((site) => site.ended))) assert.equal(exit, 0, stderr)
  const reports = sites.map((_, site) => JSON.parse(readFileSync(join(cwd, `out-${site}`, 'report.json'), 'utf8')))
  for (const { root } of reports) assert.equal(root, reports[0].root)
  assertOneCertificateARound(federations)
  const places = federations.map(signedOnce)
  for (const federation of federations) {
    assert.deepEqual(globSync('{abstains,**/*.{part,tmp,refused}}', { cwd: federation }), [])
  }
  const verified = await coppice('verify', join(cwd, 'out-0'), '--model', MODEL[1])
  assert.equal(verified.exit, 0, verified.stderr)

  const lasted = durations(federations, began)
  const under = lasted.filter(({ from }) => from < ended)
  const certified = under.filter(({ ms }) => ms <= ROUND_LIMIT_MS).length / under.length
  const seconds = under.map(({ ms }) => Math.round(ms / 1000)).sort((a, b) => a - b)
  const whole = under.filter(({ from, ms }) => from + ms <= ended).length
  context.diagnostic(
    `${kills} kills in ${Math.round((ended - began) / 1000)} s, ${places.reduce((a, b) => a + b)} signed`,
  )
  context.diagnostic(`certified: ${(100 * certified).toFixed(1)} % of the ${under.length} rounds that began meanwhile`)
  context.diagnostic(`${Math.round((whole * 3_600_000) / (ended - began))} rounds an hour; seconds a round: ${seconds}`)
  context.diagnostic(`memory of a site at its kill: at most ${Math.round(peakBytes / 2 ** 20)} MiB`)
  assert.ok(certified >= LEAST_CERTIFIED, `${certified}`)
})

/** All sites, once each has signed. */
async function founded(context: TestContext, cwd: string): Promise<{ id: string; sites: SiteProcess[] }> {
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  const founder = new SiteProcess(context, cwd, 'peer', ...PLAN, ...SMALL, ...options(0))
  const line = await founder.invitation()
  const joining = (_: unknown, i: number) => new SiteProcess(context, cwd, 'join', line, ...options(i + 1))
  const sites = [founder, ...Array.from({ length: SITES - 1 }, joining)]
  const signed = sites.map((site) => site.said('stderr', /^All have signed\. Federation ([0-9a-f]{8})/m))
  const [[, id]] = await Promise.all(signed)
  return { id, sites }
}

/** Kills one site after the other until the time is over, or the last round. Each comes back at once. */
async function churn(sites: SiteProcess[], federations: string[], id: string) {
  const random = new Random(SEED)
  const commands = sites.map(({ argv }) => argv)
  const isOver = () => federations.some((path) => existsSync(certificatePath(path, ROUNDS)))
  let kills = 0
  let peakBytes = 0
  await setTimeout(KILL_INTERVAL_MS)
  for (const end = Date.now() + CHURN_MS; Date.now() < end && !isOver(); kills++) {
    const victim = Math.floor(random.next() * SITES)
    const site = sites[victim]
    peakBytes = Math.max(peakBytes, site.residentBytes())
    const { exit, stderr } = await site.stop('SIGKILL')
    assert.equal(exit, null, `site ${victim} has ended by itself: ${stderr}`)
    site.again(null, ...(random.next() < 0.5 ? commands[victim] : ['resume', id]))
    await Promise.all([setTimeout(KILL_INTERVAL_MS), site.said('stderr', /: going on$/m)])
  }
  return { kills, peakBytes }
}

function certificatePath(federation: string, round: number): string {
  return join(federation, 'certificates', certificateFile(round))
}

function assertOneCertificateARound(federations: string[]): void {
  for (let round = 1; round <= ROUNDS; round++) {
    const files = federations.map((path) => readFileSync(certificatePath(path, round)))
    assert.equal(new Set(files.map((bytes) => certificateId(decodeCertificate(new Uint8Array(bytes))))).size, 1)
  }
  const forks = federations
    .flatMap((path) => readdirSync(join(path, 'certificates')))
    .filter((name) => /fork/.test(name))
  assert.deepEqual(forks, [])
}

/** The rounds, each from the first certificate of the one before to its own first one; dates in milliseconds. */
function durations(federations: string[], began: number): Array<{ from: number; ms: number }> {
  const first = (round: number) =>
    Math.min(...federations.map((path) => statSync(certificatePath(path, round)).mtimeMs))
  const ends = Array.from({ length: ROUNDS }, (_, i) => first(i + 1))
  return ends.map((end, i) => ({ from: i === 0 ? began : ends[i - 1], ms: end - (i === 0 ? began : ends[i - 1]) }))
}
