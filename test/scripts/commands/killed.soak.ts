import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../support/command-line.ts'
import { signedOnce } from '../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--pruner', 'wanda', '--windows', '2', '--window', '64', '--rounds', '2', '--sample', '0.6']

/** The moments of a round at which a peer is killed, and the round with which it then goes on; see deeds.ts. */
type Moment = [deed: string, round: number]

/** Killed before a record is counted, and before the value is more than merged. */
const unsent = (round: number): Moment[] => [
  ['after rename blobs', round], // pruning: one block is finished
  [`after sync journal.wal commit ${round}`, round],
  ['after mkdir merges', round],
  [`after sync journal.wal prevote ${round}`, round],
  [`after sync journal.wal precommit ${round}`, round],
  [`after rename certificates/${round}.cbor`, Math.min(round + 1, 2)],
]
/** Killed when a record is counted, but perhaps not sent; and with a quorum of precommits, but no certificate. */
const counted = (round: number): Moment[] => [
  [`after sync plans.wal commit ${round}`, round],
  [`after sync plans.wal prevote ${round}`, round],
  [`after sync plans.wal precommit ${round}`, round],
  [`before rename certificates/${round}.cbor`, round],
]
/**
 * Killed before the model has its name, when it has and its certificates have not, while it serves the others, and
 * before it has reported.
 */
const ENDING: Moment[] = [
  ['before rename out/model$', 2],
  ['before rename out/certificates$', 2],
  ['after rename out/plan.cbor', 2],
  ['before rename out/report.json', 2],
]

/** Lets a site be killed at one moment after the other. It comes back by its own command, or by `resume`, in turns. */
async function killedAtAll(site: SiteProcess, moments: readonly Moment[], id: Promise<string>): Promise<void> {
  for (const [i, [, round]] of moments.entries()) {
    await site.killed()
    const next = moments[i + 1]?.[0] ?? null
    site.again(next, ...(i % 2 === 0 ? [] : ['resume', await id]))
    await site.said('stderr', new RegExp(`^Federation ${await id}, round ${round} of 2: going on$`, 'm'))
  }
}

test('a member and a founder that are killed at every state end the same rounds with one root, and do nothing twice', async (context) => {
  const cwd = await temporaryDirectory(context)
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  // A quorum of three is all of them: no round ends without the one that is killed.
  const moments = [
    [...counted(1), ...unsent(2), ...ENDING],
    [...unsent(1), ...counted(2), ...ENDING],
  ]
  const founding = ['peer', '--members', '3', ...PLAN, ...options(0)]
  const founder = new SiteProcess(context, { cwd, killAt: moments[0][0][0] }, ...founding)
  const line = await founder.invitation()
  const member = new SiteProcess(context, { cwd, killAt: moments[1][0][0] }, 'join', line, ...options(1))
  const witness = new SiteProcess(context, { cwd, killAt: null }, 'join', line, ...options(2))
  const sites = [founder, member, witness]
  const id = witness.said('stderr', /^All have signed\. Federation ([0-9a-f]{8})/m).then(([, digits]) => digits)
  await Promise.all([killedAtAll(founder, moments[0], id), killedAtAll(member, moments[1], id)])
  for (const { ended } of sites) {
    const { exit, stderr } = await ended
    assert.equal(exit, 0, stderr)
  }
  const reports = sites.map((_, site) => JSON.parse(readFileSync(join(cwd, `out-${site}`, 'report.json'), 'utf8')))
  for (const { federation, root, certificates } of reports) {
    assert.equal(federation.slice(0, 8), await id)
    assert.deepEqual([root, certificates], [reports[0].root, reports[0].certificates])
  }
  for (const site of sites) {
    const federation = await onlyFederation(join(site.state, 'coppice'))
    assert.ok(signedOnce(federation) >= LEAST_SIGNED)
    for (const name of ['abstains', 'journal.wal.refused']) assert.ok(!existsSync(join(federation, name)), name)
    assertNothingTwice(site.deeds())
  }
  const verified = await coppice('verify', join(cwd, 'out-1'), '--model', MODEL[1])
  assert.equal(verified.exit, 0, verified.stderr)
})

/** In each of two rounds a commit, a prevote, a precommit. */
const LEAST_SIGNED = 2 * 3

/**
 * In each round a blob comes into the store once, from wherever, and a block is pruned once. Between rounds blobs that
 * are not needed any more are removed.
 */
function assertNothingTwice(deeds: string[]): void {
  const end = deeds.indexOf('after rename certificates/1.cbor')
  for (const round of [deeds.slice(0, end), deeds.slice(end)]) {
    const blobs = round.flatMap((deed) => /^after rename blobs\/ID (.*)/.exec(deed)?.[1] ?? [])
    for (const [what, names] of Object.entries({ blobs, blocks: finishedBlocks(round) })) {
      assert.ok(names.length > 0, what)
      for (const [name, times] of Map.groupBy(names, (name) => name)) assert.equal(times.length, 1, `${what}: ${name}`)
    }
  }
}

/** The blocks whose contributions a checkpoint names: who is killed before that has not finished the block. */
function finishedBlocks(deeds: string[]): string[] {
  let written = ''
  return deeds.flatMap((deed) => {
    written = /^after rename checkpoint-.*\/contribution-(\d+)/.exec(deed)?.[1] ?? written
    return /^after rename checkpoint-.*\/progress\.json/.test(deed) ? written : []
  })
}
