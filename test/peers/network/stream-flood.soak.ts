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

test('ten thousand streams that a member opens end no round, and rounds after them are as long as before', async (context) => {
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
  const flooded = await flood(nodes)
  const over = certified.length
  assertOneRoot({ ...running, results: await Promise.all(running.peers) })
  const lasted = certified.slice(1).map((at, i) => at - certified[i])
  const median = (times: number[]) => Math.round([...times].sort((a, b) => a - b)[times.length >> 1])
  // The round in which the flood ends is the flood's as well.
  const [before, after] = [median(lasted.slice(0, CALM - 1)), median(lasted.slice(over))]
  const longest = Math.round(Math.max(...lasted.slice(CALM - 1, over)))
  context.diagnostic(`${flooded}; a round took ${before} ms before, ${longest} ms meanwhile, ${after} ms afterwards`)
  assert.ok(after < MOST_TIMES * before, `${after} ms, ${before} ms before`)
})

/** Opens streams to all others as fast as they let it, and says nothing on them. */
async function flood(nodes: PeerNode[]): Promise<string> {
  const { libp2p } = nodes[LIAR]
  const began = performance.now()
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
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  return `${opened} streams opened and ${refused} refused in ${seconds} s`
}
