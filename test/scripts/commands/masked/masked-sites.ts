/** Sites of a masked federation as people start them, and what they must have left when all have ended. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { decodeCertificate } from '../../../../protocols/round/messages/certificate.ts'
import type { Value } from '../../../../protocols/round/messages/value.ts'
import { fixturePath } from '../../../support/shared.ts'
import { SiteProcess, siteText } from '../../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--pruner', 'wanda', '--merge', 'pooled', '--masked', '--windows', '2', '--window', '64']

interface Sites {
  members: number
  /** Groups of blocks, each with a sum of its own. */
  groups: number
  /** The deed at which each site is killed first; null: it is not. */
  killAt: readonly (string | null)[]
  /** More of the founder's options. */
  options?: readonly string[]
}

/** Starts a founder, and members that join it. */
export async function startSites(context: TestContext, cwd: string, init: Sites): Promise<SiteProcess[]> {
  const { groups, killAt, members, options = [] } = init
  const own = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', outOf(cwd, site)]
  const founding = ['--members', String(members), '--rounds', String(groups), ...PLAN, ...options]
  const founder = new SiteProcess(context, { cwd, killAt: killAt[0] }, 'peer', ...founding, ...own(0))
  const line = await founder.invitation()
  const joining = killAt.slice(1).map((deed, i) => {
    return new SiteProcess(context, { cwd, killAt: deed }, 'join', line, ...own(i + 1))
  })
  return [founder, ...joining]
}

export function outOf(cwd: string, site: number): string {
  return join(cwd, `out-${site}`)
}

/** Asserts that all have ended well, with one root. Returns the last value. */
export async function assertOneEnd(sites: readonly SiteProcess[], cwd: string): Promise<Value> {
  for (const { exit, stderr } of await Promise.all(sites.map(({ ended }) => ended))) assert.equal(exit, 0, stderr)
  const reports = sites.map((_, site) => JSON.parse(readFileSync(join(outOf(cwd, site), 'report.json'), 'utf8')))
  for (const { root, certificates } of reports)
    assert.deepEqual([root, certificates], [reports[0].root, reports[0].certificates])
  const { length } = reports[0].certificates
  return decodeCertificate(readFileSync(join(outOf(cwd, 0), 'certificates', `${length}.cbor`))).value
}

/**
 * Asserts that no site has ever had a masked vector in its store that is not in a list: a second one of its own, or of
 * another site.
 */
export function assertOnlyListed(sites: readonly SiteProcess[], { entries }: Value): void {
  const listed = new Set(entries.map(({ root }) => root.slice(0, 8)))
  for (const site of sites) {
    const ids = site.deeds().flatMap((deed) => /^after rename blobs\/ID (\w+) (own )?vector$/.exec(deed)?.[1] ?? [])
    assert.ok(ids.length > 0)
    for (const id of ids) assert.ok(listed.has(id), `a masked vector that is not listed: ${id}`)
  }
}
