/** Links that lose or delay, clocks that jump, holders that lie: each federation ends as without them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Stream, StreamHandler } from '@libp2p/interface'
import type { PeerNode } from '../../peers/network/node.ts'
import { systemClock } from '../../peers/round/clock.ts'
import { BLOB_PROTOCOL } from '../../protocols/blob/index.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { detour, openWay, type Way } from '../support/faults/links.ts'
import { assertOneRoot, BLOCKS, type Outcome, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'
import { flipped } from '../support/people.ts'

const MEMBERS = 4
/** Patience and pauses are a tenth. */
const FAST: Clock = {
  ...systemClock,
  deadline: (ms, parent) => systemClock.deadline(ms / 10, parent),
  pause: (ms, signal) => systemClock.pause(ms / 10, signal),
}

/** The nodes of a federation in a mesh. `prepared` is called once with all of them, before any is founded. */
async function inMesh(
  context: TestContext,
  prepare: (nodes: PeerNode[]) => void,
  more: { clock?: Clock; work?(member: number): MatrixWork } = {},
): Promise<Outcome> {
  const nodes: PeerNode[] = []
  const onNode = (node: PeerNode, member: number) => {
    nodes[member] = node
    if (Object.keys(nodes).length === MEMBERS) prepare(nodes)
  }
  const scene = { members: MEMBERS, topology: 'mesh', clock: FAST, onNode, ...more } as const
  const running = await startFederation(context, scene)
  return { ...running, results: await Promise.all(running.peers) }
}

/** The merge holds all that members have contributed, and there is one. */
function assertWhole(outcome: Outcome): void {
  assertOneRoot(outcome)
  assert.equal(outcome.results[0].rounds[0].contributions, MEMBERS * BLOCKS)
}

/** All links between two nodes, whoever dials: the bytes of one way and of the other. */
function between(context: TestContext, a: PeerNode, b: PeerNode, there: Way, back: Way): void {
  detour(context, a, b.peerId, there, back)
  detour(context, b, a.peerId, back, there)
}

test('a link that carries nothing one way is made up for by the others, and nobody disconnects in a storm', async (context) => {
  const [there, back] = [openWay(), openWay()]
  let lost = 0
  const linked = Promise.withResolvers<void>()
  class Late extends MatrixWork {
    override async prune(...job: Parameters<MatrixWork['prune']>): Promise<void> {
      await linked.promise
      return await super.prune(...job)
    }
  }
  const prepare = (nodes: PeerNode[]) => {
    between(context, nodes[1], nodes[2], there, back)
    for (const { libp2p } of nodes) libp2p.addEventListener('peer:disconnect', () => lost++)
    const { libp2p } = nodes[2]
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      if (detail.peerId.toString() !== nodes[1].peerId) return
      there.isMute = true
      there.bytes = 0
      linked.resolve()
    })
  }
  const outcome = await inMesh(context, prepare, { work: (member) => new Late(BLOCKS, member) })
  assertWhole(outcome)
  assert.ok(there.bytes > 0, 'something was lost')
  // When all is over each peer loses its three neighbours.
  assert.ok(lost <= 2 + MEMBERS * (MEMBERS - 1), `${lost} links were lost`)
})

/** As 0.1 Mbit/s. */
const SLOW_BYTES_A_SECOND = 12_500

test('a member whose links are slow takes part, since its bytes keep moving', async (context) => {
  const ways: Way[] = []
  const outcome = await inMesh(context, (nodes) => {
    for (const other of nodes.slice(0, 3)) {
      const [there, back] = [openWay(SLOW_BYTES_A_SECOND), openWay(SLOW_BYTES_A_SECOND)]
      between(context, nodes[3], other, there, back)
      ways.push(there, back)
    }
  })
  assertWhole(outcome)
  assert.ok(
    ways.some(({ bytes }) => bytes > SLOW_BYTES_A_SECOND / 2),
    'a link was in use for half a second',
  )
})

const HOUR_MS = 3_600_000

test('dates that jump back and forth by an hour change no decision', async (context) => {
  let calls = 0
  const date = () => Date.now() + ((calls++ % 3) - 1) * HOUR_MS
  const outcome = await inMesh(context, () => {}, { clock: { ...FAST, date } })
  assertWhole(outcome)
  assert.ok(calls > 0)
})

type Serving = (stream: Stream, asker: string, serve: () => Promise<void> | void) => Promise<void> | void

/** Puts something between a node's server of blobs and those who ask. */
function beforeServing(node: PeerNode, between: Serving): void {
  const handle = node.handle.bind(node)
  node.handle = (protocol, handler, most) => {
    const spied: StreamHandler = (stream, connection) =>
      between(stream, connection.remotePeer.toString(), () => handler(stream, connection))
    return handle(protocol, protocol === BLOB_PROTOCOL ? spied : handler, most)
  }
}

/** A status and a list of one chunk are shorter, and a chunk is longer. */
const SHORT_BYTES = 64

/** Flips a bit of each chunk that is sent on a stream. */
function corrupt(stream: Stream, onLie: () => void): void {
  const send = stream.send.bind(stream)
  stream.send = (data) => {
    if (data.byteLength < SHORT_BYTES) return send(data)
    onLie()
    return send(flipped(data.subarray(), 8 * data.byteLength - 1))
  }
}

test('a holder that flips bits is left for another one, is named, and harms no author', async (context) => {
  const lied = Promise.withResolvers<void>()
  const peers: string[] = []
  const outcome = await inMesh(context, (nodes) => {
    const [author, honest, liar, asker] = nodes
    peers.push(...nodes.map(({ peerId }) => peerId))
    // The author is out of reach for the asker, so that others have to answer: the liar first.
    beforeServing(author, (stream, id, serve) => {
      if (id === asker.peerId) stream.abort(new Error('out of reach'))
      else return serve()
    })
    beforeServing(liar, (stream, id, serve) => {
      if (id === asker.peerId) corrupt(stream, lied.resolve)
      return serve()
    })
    beforeServing(honest, async (_, id, serve) => {
      if (id === asker.peerId) await lied.promise
      return serve()
    })
  })
  assertWhole(outcome)
  const named = outcome.events[3].flatMap((event) => (event.type === 'warning' ? event.text : []))
  assert.ok(
    named.some((text) => text.startsWith(`${peers[2]} is not asked again`)),
    named.join('\n'),
  )
})
