import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { Neighbours } from '../../../peers/network/neighbours.ts'
import type { PeerNode } from '../../../peers/network/node.ts'
import { systemClock } from '../../../peers/round/clock.ts'

/** The members that a peer dials first, where it is connected to some already. */
async function dialled(members: number, connected: number): Promise<number> {
  const names = Array.from({ length: members }, (_, i) => `peer ${100 + i}`)
  const [self, ...others] = names
  const asked = new Set<string>()
  const node: Partial<PeerNode> = {
    peerId: self,
    neighbours: () => new Map(others.slice(0, connected).map((peer) => [peer, {}])) as never,
    libp2p: { addEventListener: () => undefined, removeEventListener: () => undefined } as never,
    dialAny: async ([address]) => {
      asked.add(String(address))
      throw new Error('nobody answers')
    },
    open: () => Promise.reject(new Error('no stream')),
  }
  const neighbours = new Neighbours({
    node: node as PeerNode,
    clock: systemClock,
    random: () => 0.5,
    greeting: () => ({}) as never,
    sync: {} as never,
    addresses: new Map(names.map((peer, i) => [peer, [multiaddr(`/ip4/127.0.0.1/tcp/${1000 + i}`)]])),
    upstream: null,
    onNeighbour: () => undefined,
    onNote: () => undefined,
  })
  neighbours.start()
  await neighbours.end()
  return asked.size
}

test('a member dials all others where they are few, and of many half of the links that it lacks: others dial too', async () => {
  assert.equal(await dialled(4, 1), 2)
  assert.equal(await dialled(16, 1), 14)
  assert.equal(await dialled(64, 1), 8)
  assert.equal(await dialled(64, 9), 4)
  assert.equal(await dialled(64, 16), 0)
})
