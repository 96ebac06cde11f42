import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../peers/round/clock.ts'
import type { MergedBlockReport, MergeJob, PruneJob } from '../../peers/work/work.ts'
import { decodeSignedPlan } from '../../protocols/plan/plan.ts'
import { certificateFault, decodeCertificate } from '../../protocols/round/messages/certificate.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { mergedRoot } from '../../src/merge/roots.ts'
import { assertOneRoot, BLOCKS, federation, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'
import { onlyFederation } from '../support/nodes.ts'

/** Its arithmetic is another one: one block merges to another root. */
class Deviant extends MatrixWork {
  override async merge(job: MergeJob): Promise<MergedBlockReport> {
    const report = await super.merge(job)
    return job.block === 3 ? { ...report, root: report.root.map((byte) => byte ^ 1) } : report
  }
}

/** The others serve a minute for the one that has left: here three seconds. */
const fast: Clock = { ...systemClock, pause: (ms, signal) => systemClock.pause(ms / 20, signal) }

for (const deviant of [0, 2]) {
  test(`a peer that merges to another root stops with exit 7 and keeps what shows it (${deviant})`, async (context) => {
    const work = (member: number) => new (member === deviant ? Deviant : MatrixWork)(BLOCKS, member)
    const scene = { members: 4, topology: 'mesh', work, clock: fast } as const
    const { peers, root } = await startFederation(context, scene)
    const ended = await Promise.allSettled(peers)
    const others = ended.flatMap((end) => (end.status === 'fulfilled' ? end.value : []))
    const refusals = ended.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    assert.equal(others.length, 3, String(refusals))
    assertOneRoot({ results: others })
    const data = await onlyFederation(join(root, String(deviant), 'data'))
    const [refusal] = refusals
    assert.equal(refusal.code, 'DIVERGED')
    assert.equal(refusal.exit, 7)
    assert.ok(refusal.hint.includes(data), refusal.hint)
    assert.ok(refusal.message.includes(others[0].root), refusal.message)
    assert.deepEqual(await readdir(join(root, String(deviant))), ['data'], 'no model is written')

    // The bundle: a quorum's signatures over a root, what it was merged from, and what this peer made of it.
    const { plan } = decodeSignedPlan(await readFile(join(data, 'plan.cbor')))
    const certificate = decodeCertificate(await readFile(join(data, 'certificates', '1.cbor')))
    assert.equal(certificateFault(plan, certificate), null)
    const { entries, merged } = certificate.value
    assert.equal(merged, others[0].root)
    const [key] = await readdir(join(data, 'merges'))
    const again: Uint8Array[] = []
    for (let block = 0; block < BLOCKS; block++) {
      const own = entries.filter((entry) => entry.block === block)
      const files = own.map((entry) => join(data, 'blobs', entry.root))
      const out = join(root, `again-${block}`)
      again.push((await new MatrixWork(BLOCKS, 9).merge({ block, files, out, previous: null })).root)
      await readFile(join(data, 'merges', key, String(block)))
    }
    assert.equal(toHex(mergedRoot(again)), merged)
  })
}

/** Numbers 0 to count - 1 in an order that the seed decides. */
function shuffled(seed: number, count: number): number[] {
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return Array.from({ length: count }, (_, i) => ({ i, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ i }) => i)
}

const MEMBERS = 4
/** The members in the order in which they prune. */
const ORDERS = [
  [0, 1, 2, 3],
  [3, 1, 0, 2],
  [2, 3, 1, 0],
]
/** The longest that a check is held up, so that members hold things in different orders. */
const CHECK_MS = 60

test('whatever the order in which contributions arrive, there is one root', async (context) => {
  const roots = new Set<string>()
  for (const [seed, order] of ORDERS.entries()) {
    const done = order.map(() => Promise.withResolvers<void>())
    class Late extends MatrixWork {
      private readonly member: number

      constructor(member: number) {
        super(BLOCKS, member)
        this.member = member
      }

      override async prune(job: PruneJob): Promise<void> {
        const turn = order.indexOf(this.member)
        if (turn > 0) await done[turn - 1].promise
        await super.prune(job)
        done[turn].resolve()
      }

      override async validate(block: number, file: string): Promise<string | null> {
        const turn = shuffled(seed * MEMBERS + this.member, BLOCKS)[block]
        await systemClock.pause((CHECK_MS / BLOCKS) * turn, AbortSignal.timeout(10_000))
        return super.validate(block, file)
      }
    }
    const outcome = await federation(context, { members: MEMBERS, topology: 'mesh', work: (i) => new Late(i) })
    assertOneRoot(outcome)
    assert.equal(outcome.results[0].rounds[0].contributions, MEMBERS * BLOCKS)
    roots.add(outcome.results[0].root)
  }
  assert.equal(roots.size, 1)
})
