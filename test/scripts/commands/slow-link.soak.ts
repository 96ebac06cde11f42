import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificateFile } from '../../../peers/disk/certificates.ts'
import { decodeCertificate } from '../../../protocols/round/messages/certificate.ts'
import { needsNamespaces, slowHost } from '../../support/faults/slow-host.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const SITES = 4
const ROUNDS = 3
const RATE = '1mbit'

/** Weights, and all blocks: some 0.3 MB a site and round, seconds of such a link. */
const PLAN = ['--members', `${SITES}`, '--rounds', `${ROUNDS}`, '--pruner', 'sparsegpt', '--sample', '1']
const SMALL = ['--windows', '2', '--window', '64']
const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']

test('a site behind a link of 1 Mbit/s takes part in every round', {
  skip: needsNamespaces(),
}, async (context) => {
  const cwd = await temporaryDirectory(context)
  const { inside, outside, within } = slowHost(context, RATE)
  const options = (site: number, address: string) => {
    const place = ['--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
    return [...MODEL, ...place, '--listen', `/ip4/${address}/tcp/0`]
  }
  const founder = new SiteProcess(context, cwd, 'peer', ...PLAN, ...SMALL, ...options(0, outside))
  const line = await founder.invitation()
  const others = [1, 2].map((site) => new SiteProcess(context, cwd, 'join', line, ...options(site, outside)))
  const slow = new SiteProcess(context, { cwd, within }, 'join', line, ...options(3, inside))
  const sites = [founder, ...others, slow]
  const ended = await Promise.all(sites.map((site) => site.ended))
  for (const { exit, stderr } of ended) assert.equal(exit, 0, stderr)
  const roots = sites.map((_, i) => JSON.parse(readFileSync(join(cwd, `out-${i}`, 'report.json'), 'utf8')).root)
  assert.equal(new Set(roots).size, 1)
  const certificates = join(await onlyFederation(join(founder.state, 'coppice')), 'certificates')
  const files = Array.from({ length: ROUNDS }, (_, i) => join(certificates, certificateFile(i + 1)))
  const fresh = files.map((file, i) => {
    const { entries } = decodeCertificate(new Uint8Array(readFileSync(file))).value
    return new Set(entries.filter(({ round }) => round === i + 1).map(({ member }) => member)).size
  })
  const at = files.map((file) => statSync(file).mtimeMs)
  const lasted = at.slice(1).map((time, i) => `${((time - at[i]) / 1000).toFixed(1)} s`)
  context.diagnostic(`members with contributions, by round: ${fresh}; rounds after the first took ${lasted}`)
  assert.deepEqual(fresh, new Array(ROUNDS).fill(SITES))
})
