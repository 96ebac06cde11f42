import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { signedOnce } from '../../support/faults/signed-once.ts'
import { onlyFederation, temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--no-eval']
const PLAN = ['--members', '2', '--pruner', 'wanda', '--windows', '2', '--window', '64', '--rounds', '2']
const DISK_BYTES = 16 * 2 ** 20
/** A small file takes a page of tmpfs. */
const PAGE_BYTES = 4096
/** The free pages of a run: with few of them it fails at its first files, with more at later ones. */
const FREE_PAGES = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256]

/** Why no disk of a fixed size can be made here; false: one can. */
function refusal(): string | false {
  if (process.platform !== 'linux') return 'only Linux has tmpfs'
  return process.getuid?.() !== 0 && 'only root may mount'
}

/** A disk of a fixed size, apart from all other directories of the test; null if mounting is refused. */
function aDisk(context: TestContext): string | null {
  const path = mkdtempSync(join(tmpdir(), 'coppice-disk-'))
  const options = `size=${DISK_BYTES},mode=700`
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status === 0
  context.after(() => {
    if (isMounted) spawnSync('umount', ['--lazy', path])
    rmdirSync(path)
  })
  return isMounted ? path : null
}

/** Fills a disk up to so many free pages. */
function fill(disk: string, pages: number): void {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, bavail * bsize - pages * PAGE_BYTES), 1))
}

test('a peer whose disk is full says so, and goes on once there is space, whatever it was at', {
  skip: refusal(),
}, async (context) => {
  const cwd = await temporaryDirectory(context)
  const disk = aDisk(context)
  if (disk === null) return context.skip('mounting a tmpfs is refused here')
  const data = join(disk, 'data')
  const options = (site: number) => [...MODEL, '--text', siteText(cwd, site), '--out', join(cwd, `out-${site}`)]
  const founder = new SiteProcess(context, cwd, 'peer', ...PLAN, ...options(0))
  const joining = ['join', await founder.invitation(), ...options(1), '--data', data]
  const member = new SiteProcess(context, { cwd, killAt: 'after rename plan.cbor' }, ...joining)
  await member.killed()
  let failures = 0
  for (const pages of FREE_PAGES) {
    fill(disk, pages)
    member.again(null)
    const { exit, stderr } = await member.ended
    rmSync(join(disk, 'filler'))
    if (exit === 0) break
    failures++
    context.diagnostic(`${pages} free pages: ${stderr.trim().split('\n').at(-2)}`)
    assert.equal(exit, 8, `${pages} free pages: ${stderr}`)
    assert.match(stderr, /ENOSPC.*\(OUTPUT_UNWRITABLE\)/)
  }
  assert.ok(failures >= LEAST_FAILURES, `${failures}`)
  if (!existsSync(join(cwd, 'out-1', 'report.json'))) member.again(null)
  for (const { exit, stderr } of await Promise.all([founder.ended, member.ended])) assert.equal(exit, 0, stderr)
  const reports = [0, 1].map((site) => JSON.parse(readFileSync(join(cwd, `out-${site}`, 'report.json'), 'utf8')))
  assert.deepEqual(reports[0].root, reports[1].root)
  const federation = await onlyFederation(data)
  assert.ok(signedOnce(federation) >= LEAST_SIGNED)
  assert.deepEqual(globSync('**/*.{part,tmp,refused}', { cwd: data }), [])
  assert.ok(!existsSync(join(federation, 'abstains')))
})

/** At its lock, in its founding's files, while it prunes, in its journal. */
const LEAST_FAILURES = 4
/** In each of two rounds a commit, a prevote, a precommit. */
const LEAST_SIGNED = 2 * 3
