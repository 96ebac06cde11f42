import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { PeerNode } from '../../peers/network/node.ts'
import { systemClock } from '../../peers/round/clock.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { BLOCKS, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'

/** Sends junk instead of pruning, until it has no neighbours left, and gives up. */
class Hostile extends MatrixWork {
  private readonly node: Promise<PeerNode>

  constructor(node: Promise<PeerNode>) {
    super(BLOCKS, 0)
    this.node = node
  }

  override async prune(): Promise<void> {
    const node = await this.node
    // Whoever has not joined the topic yet hears the junk that comes later.
    for (let i = 0; node.neighbours().size > 0; i++) {
      await node.publish(Uint8Array.of(0xff, i >> 8, i & 255)).catch(() => undefined)
      await setImmediate()
    }
    throw new Error('everybody has gone')
  }
}

test('a member that sends what is no message loses its links, and the others end without it', async (context) => {
  const clock: Clock = { ...systemClock, pause: (ms, signal) => systemClock.pause(ms / 20, signal) }
  const hostile = Promise.withResolvers<PeerNode>()
  const { events, peers } = await startFederation(context, {
    members: 4,
    topology: 'line',
    offer: { roundTimeoutMs: 40_000 },
    clock,
    work: (member) => (member === 3 ? new Hostile(hostile.promise) : new MatrixWork(BLOCKS, member)),
    onNode: (node, member) => {
      if (member === 3) hostile.resolve(node)
    },
  })
  const [results] = await Promise.all([Promise.all(peers.slice(0, 3)), assert.rejects(peers[3], /everybody has gone/)])
  assert.equal(new Set(results.map(({ root }) => root)).size, 1)
  const closed = events[2].filter((event) => event.type === 'warning' && event.text.includes('its link is closed'))
  assert.equal(closed.length, 1)
})
