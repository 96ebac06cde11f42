import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificateFile } from '../../peers/disk/certificates.ts'
import { FEDERATIONS_NAME } from '../../peers/disk/data-directory.ts'
import { decodeCertificate } from '../../protocols/round/messages/certificate.ts'
import { hosts, needsHosts } from '../support/faults/hosts.ts'
import { signedOnce } from '../support/faults/signed-once.ts'
import { setting, startLine } from '../support/installed/unit.ts'
import { temporaryDirectory } from '../support/nodes.ts'
import { fixturePath } from '../support/shared.ts'
import { SiteProcess, siteText } from '../support/sites.ts'

const SITES = ['north', 'east', 'south', 'west']
const PORT = 4001
const ROUNDS = 8
/** Nobody is left out of a round because it was restarted: the others wait longer than any restart takes. */
const PLAN = ['--members', '4', '--rounds', `${ROUNDS}`, '--pruner', 'wanda', '--round-timeout', '120']
const SMALL = ['--windows', '2', '--window', '64']

/** The exit codes that a shell gives for Ctrl-C and for SIGTERM. */
const [INTERRUPTED, STOPPED] = [130, 143]

test('four hosts run the line of the unit; a restart of each in turn loses nothing, and all have one root', {
  skip: needsHosts(),
}, async (context) => {
  const root = await temporaryDirectory(context)
  const places = hosts(context, SITES.length)
  const home = (site: string) => join(root, site)
  const begin = (i: number, ...line: string[]) => {
    const site = SITES[i]
    mkdirSync(home(site), { mode: 0o700 })
    const own = ['--data', join(home(site), 'data'), '--out', join(home(site), 'out'), '--text', siteText(root, i)]
    const at = ['--listen', `/ip4/${places[i].address}/tcp/${PORT}`, '--model', fixturePath('stories260k'), '--no-eval']
    return new SiteProcess(context, { cwd: home(site), within: places[i].within }, ...line, ...own, ...at)
  }

  // A person founds and joins, and leaves the rest to the service.
  const founder = begin(0, 'peer', ...PLAN, ...SMALL)
  const line = await founder.invitation()
  const sites = [founder, ...SITES.slice(1).map((_, i) => begin(i + 1, 'join', line))]
  await Promise.all(sites.map((site) => site.said('stderr', /^All have signed\./m)))
  for (const { exit, stderr } of await Promise.all(sites.map((site) => site.stop('SIGINT'))))
    assert.equal(exit, INTERRUPTED, stderr)
  const serve = (i: number) => sites[i].again(null, ...startLine(SITES[i], root))
  for (const i of sites.keys()) serve(i)

  for (const i of sites.keys()) {
    await sites[i].said('stderr', /^Round \d+ of \d+ agreed: \d+ contributions merged/m)
    const { exit, stderr } = await sites[i].stop('SIGTERM')
    assert.equal(exit, STOPPED, stderr)
    assert.match(stderr, /^Stopped\. Kept: .+\. To go on: .+ coppice resume /m)
    serve(i)
  }
  for (const { exit, stderr } of await Promise.all(sites.map((site) => site.ended))) assert.equal(exit, 0, stderr)

  const reports = SITES.map((site) => JSON.parse(readFileSync(join(home(site), 'out', 'report.json'), 'utf8')))
  for (const { federation, root: model, rounds } of reports) {
    assert.equal(model, reports[0].root)
    assert.equal(rounds.length, ROUNDS)
    const directories = SITES.map((site) => join(home(site), 'data', FEDERATIONS_NAME, federation))
    directories.map(signedOnce)
    const fresh = rounds.map(({ round }: { round: number }) => contributors(directories[0], round))
    assert.deepEqual(fresh, new Array(ROUNDS).fill(SITES.length), 'members with contributions, by round')
  }

  serve(0)
  const { exit, stderr } = await sites[0].ended
  assert.match(stderr, /\(RESUME_NOTHING\)$/m)
  assert.ok(setting('RestartPreventExitStatus').split(' ').map(Number).includes(exit), `started again after ${exit}`)
})

function contributors(federation: string, round: number): number {
  const path = join(federation, 'certificates', certificateFile(round))
  const { entries } = decodeCertificate(new Uint8Array(readFileSync(path))).value
  return new Set(entries.filter((entry) => entry.round === round).map(({ member }) => member)).size
}
