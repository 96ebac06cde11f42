import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { BLOB_PROTOCOL } from '../../../protocols/blob/index.ts'
import { assertOneRoot, BLOCKS, startFederation } from '../../support/federations.ts'
import { MatrixWork } from '../../support/matrices.ts'

const MEMBERS = 4
const ROUNDS = 12
/** The rounds before the flood. */
const CALM = 4
const PRUNE_MS = 1000
const LIAR = 3
const STREAMS = 10_000
/** Opens that are under way at once: more than any peer lets in. */
const AT_ONCE = 64
const LIMIT_MS = 600_000
const MOST_TIMES = 1.5

class Unhurried extends MatrixWork {
  override async prune(job: Parameters<MatrixWork['prune']>[0]): Promise<void> {
    await systemClock.pause(PRUNE_MS, job.signal)
    return await super.prune(job)
  }
}

test('a member that opens ten thousand streams slows the rounds of the others by less than half', async (context) => {
  const nodes: PeerNode[] = []
  const certified: number[] = []
  const calm = Promise.withResolvers<void>()
  const running = await startFederation(context, {
    members: MEMBERS,
    topology: 'mesh',
    offer: { rounds: ROUNDS },
    limitMs: LIMIT_MS,
    work: (member) => new Unhurried(BLOCKS, member),
    onNode: (node, member) => (nodes[member] = node),
    onEvent(member, event) {
      if (member !== 0 || event.type !== 'round') return
      certified.push(performance.now())
      if (certified.length === CALM) calm.resolve()
    },
  })
  await calm.promise
  const before = running.events[0].length
  const { opened, refused, rounds } = await flood(nodes, () => certified.length)
  assert.ok(running.events[0].length > before)
  assertOneRoot({ ...running, results: await Promise.all(running.peers) })
  const lasted = certified.slice(1).map((at, i) => at - certified[i])
  const median = (times: number[]) => [...times].sort((a, b) => a - b)[times.length >> 1]
  const [usual, flooded] = [median(lasted.slice(0, CALM - 1)), median(lasted.slice(CALM - 1, CALM - 1 + rounds))]
  const words = `${opened} streams opened, ${refused} refused in ${rounds} rounds`
  context.diagnostic(`${words}; a round took ${Math.round(usual)} ms before, ${Math.round(flooded)} ms meanwhile`)
  assert.ok(flooded < MOST_TIMES * usual, `${flooded} ms, ${usual} ms before`)
})

/** Opens streams to all others as fast as they let it, and says nothing on them. */
async function flood(nodes: PeerNode[], round: () => number) {
  const { libp2p } = nodes[LIAR]
  const began = round()
  let [opened, refused, left] = [0, 0, STREAMS]
  const open = async (victim: PeerNode) => {
    const [connection] = libp2p.getConnections(victim.libp2p.peerId)
    const limits = { maxOutboundStreams: STREAMS, signal: AbortSignal.timeout(10_000) }
    await connection.newStream(BLOB_PROTOCOL, limits).then(
      () => opened++,
      () => refused++,
    )
  }
  const worker = async (_: unknown, i: number) => {
    while (left-- > 0) await open(nodes[i % LIAR])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { opened, refused, rounds: Math.max(1, round() - began) }
}
