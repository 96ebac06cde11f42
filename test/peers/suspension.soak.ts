import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../peers/round/clock.ts'
import { MIN_WAIT_MS, SUSPENSION_ROUNDS } from '../../protocols/round/messages/constants.ts'
import { BLOCKS, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'

const ROUNDS = 10
/** A round of a second: what waits cost shows best where rounds are short. */
const PRUNE_MS = 1000
const LIMIT_MS = 600_000

class Unhurried extends MatrixWork {
  override async prune(job: Parameters<MatrixWork['prune']>[0]): Promise<void> {
    await systemClock.pause(PRUNE_MS, job.signal)
    return await super.prune(job)
  }
}

test('ten rounds with a member that goes at their beginning take three waits more, and no more than half as long besides', async (context) => {
  const three = await lasted(context, 3, null)
  const four = await lasted(context, 4, 3)
  context.diagnostic(`three members ${Math.round(three)} ms, a fourth that is gone ${Math.round(four)} ms`)
  const most = 1.5 * three + SUSPENSION_ROUNDS * MIN_WAIT_MS
  assert.ok(four <= most, `${four} ms, at most ${most}`)
})

/** The milliseconds from the founding to the last certificate at member 0. */
async function lasted(context: TestContext, members: number, gone: number | null): Promise<number> {
  const [founded, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const times = { began: 0, ended: 0 }
  const running = await startFederation(context, {
    members,
    topology: 'mesh',
    offer: { rounds: ROUNDS },
    limitMs: LIMIT_MS,
    work: (member) => new Unhurried(BLOCKS, member),
    onEvent(member, event) {
      if (event.type === 'founded' && member === gone) founded.resolve()
      if (member !== 0) return
      if (event.type === 'founded') times.began = performance.now()
      if (event.type !== 'round' || event.round.round < ROUNDS) return
      times.ended = performance.now()
      over.resolve()
    },
  })
  if (gone !== null) {
    await founded.promise
    await running.stop(gone)
  }
  await Promise.race([over.promise, running.peers[0]])
  for (let member = 0; member < members; member++) if (member !== gone) await running.stop(member)
  return times.ended - times.began
}
