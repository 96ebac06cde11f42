import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { certificateFile } from '../../../peers/disk/certificates.ts'
import { quorumOf } from '../../../protocols/plan/offer.ts'
import { decodeCertificate } from '../../../protocols/round/messages/certificate.ts'
import { signedOnce } from '../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const SITES = 7
const ROUNDS = 10
/** The rounds that are held without the site that stands still; it may have committed to the one before them. */
const STILL = 2

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--members', `${SITES}`, '--rounds', `${ROUNDS}`, '--pruner', 'wanda', '--sample', '0.4']
const SMALL = ['--windows', '2', '--window', '64', '--round-timeout', '30']

test('six of seven sites hold rounds without one that stands still, and with it once it moves again', async (context) => {
  const { sites, federations, cwd } = await founded(context)
  await certified(federations[0], 1)
  const still = sites[SITES - 1]
  still.signal('SIGSTOP')
  const last = lastRound(federations[0])
  const without = Array.from({ length: STILL }, (_, i) => last + 2 + i)
  for (const round of without) await certified(federations[0], round)
  still.signal('SIGCONT')
  for (const { exit, stderr } of await Promise.all(sites.map((site) => site.ended))) assert.equal(exit, 0, stderr)
  const roots = sites.map((_, i) => JSON.parse(readFileSync(join(cwd, `out-${i}`, 'report.json'), 'utf8')).root)
  assert.equal(new Set(roots).size, 1)
  federations.map(signedOnce)
  const fresh = Array.from({ length: ROUNDS }, (_, i) => freshMembers(federations[0], i + 1))
  // On a busy machine another site may miss a round as well.
  const isWithout = (members: number) => members < SITES && members >= quorumOf(SITES)
  for (const round of without) assert.ok(isWithout(fresh[round - 1]), `round ${round}: ${fresh}`)
  const back = fresh.indexOf(SITES, without[STILL - 1]) + 1
  context.diagnostic(`members with contributions, by round: ${fresh}; still in ${without}, back in ${back}`)
  assert.ok(back > 0, `it does not come back: ${fresh}`)
})

async function founded(context: TestContext) {
  const cwd = await temporaryDirectory(context)
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  const founder = new SiteProcess(context, cwd, 'peer', ...PLAN, ...SMALL, ...options(0))
  const line = await founder.invitation()
  const joining = (_: unknown, i: number) => new SiteProcess(context, cwd, 'join', line, ...options(i + 1))
  const sites = [founder, ...Array.from({ length: SITES - 1 }, joining)]
  await Promise.all(sites.map((site) => site.said('stderr', /^All have signed\./m)))
  const federations = await Promise.all(sites.map(({ state }) => onlyFederation(join(state, 'coppice'))))
  return { sites, federations, cwd }
}

function certificatePath(federation: string, round: number): string {
  return join(federation, 'certificates', certificateFile(round))
}

async function certified(federation: string, round: number): Promise<void> {
  while (!existsSync(certificatePath(federation, round))) await setTimeout(50)
}

function lastRound(federation: string): number {
  let round = 0
  while (existsSync(certificatePath(federation, round + 1))) round++
  return round
}

/** The number of members whose contributions of a round its certificate has. */
function freshMembers(federation: string, round: number): number {
  const { value } = decodeCertificate(new Uint8Array(readFileSync(certificatePath(federation, round))))
  return new Set(value.entries.filter((entry) => entry.round === round).map(({ member }) => member)).size
}
