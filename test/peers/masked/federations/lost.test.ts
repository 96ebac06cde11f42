import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parseRecords } from '../../../../peers/disk/write-ahead-log.ts'
import type { PruneJob } from '../../../../peers/work/work.ts'
import { decodeBody } from '../../../../protocols/round/messages/messages.ts'
import { HASH_BYTES } from '../../../../protocols/wire/encoding.ts'
import { assertOneRoot } from '../../../support/federations.ts'
import { onlyFederation } from '../../../support/nodes.ts'
import { LIAR, ROSTER, type Scene, startWithCheat, VICTIM } from './cheats.ts'
import { PooledMatrices } from './pooled-matrices.ts'

/** The site that stops. */
const STOPPED = ROSTER[VICTIM].site
/** The round of the list, and that of the reveals. */
const [LIST, REVEALS] = [3, 4]

/**
 * A federation of which a member is stopped while it measures what it is to mask; its directory. Another member
 * reveals nothing, so that all others must.
 */
async function stopped(context: TestContext): Promise<{ scene: Scene; directory: string }> {
  const reached = Promise.withResolvers<void>()
  let isBack = false
  const Waiting = class extends PooledMatrices {
    override async prune(job: PruneJob): Promise<void> {
      if (isBack) return super.prune(job)
      isBack = true
      const aborted = Promise.withResolvers<never>()
      job.signal.addEventListener('abort', () => aborted.reject(job.signal.reason))
      reached.resolve()
      await aborted.promise
    }
  }
  const scene = await startWithCheat(
    context,
    { shows: (phase, { bytes, stopped }) => (phase === 'reveal' ? stopped : bytes), VictimWork: Waiting },
    { roundTimeoutMs: 500 },
  )
  await reached.promise
  await scene.running.stop(STOPPED)
  return { scene, directory: await onlyFederation(join(scene.running.root, `${STOPPED}`, 'data')) }
}

/** The rounds in which the journal of a member has a commit. */
async function committed(directory: string): Promise<number[]> {
  const path = join(directory, 'journal.wal')
  const { records } = parseRecords(path, new Uint8Array(await readFile(path)))
  const bodies = records.map((record) => decodeBody(record.subarray(HASH_BYTES)))
  return bodies.flatMap((body) => (body.type === 'commit' ? body.round : []))
}

describe('a member of a masked federation that comes back', () => {
  test('without its journal offers nothing in the round in which it may have, and reveals in the next', async (context) => {
    const { directory, scene } = await stopped(context)
    const { events, back, peers } = scene.running
    assert.deepEqual(await committed(directory), [1, 2])
    await rm(join(directory, 'journal.wal'))
    const others = ROSTER.filter(({ site }, member) => site !== STOPPED && member !== LIAR).map(
      ({ site }) => peers[site],
    )
    const results = await Promise.all([back(STOPPED), ...others])
    await scene.stopLiar()
    assertOneRoot({ results })
    const abstains = events[STOPPED].find((event) => event.type === 'abstains')
    assert.equal(abstains?.until, LIST)
    assert.deepEqual(await committed(directory), [REVEALS])
  })

  for (const lost of [['secrets'], ['secrets', 'journal.wal']]) {
    test(`without ${lost.join(' and ')} is refused by name`, async (context) => {
      const { directory, scene } = await stopped(context)
      for (const name of lost) await rm(join(directory, name))
      const refusal = { exit: 8, code: 'OUTPUT_SECRETS_GONE', message: /the secrets .* are gone/ }
      await assert.rejects(scene.running.back(STOPPED), refusal)
      await scene.stopLiar()
      for (const { site } of ROSTER) await scene.running.stop(site)
    })
  }
})
