import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type Arcs,
  arcs,
  blocksOf,
  blocksPerRound,
  roundsToCover,
  roundsUntilComplete,
  roundsUntilCovered,
} from '../../../src/merge/sampling.ts'

const peer = (i: number) => Uint8Array.of(0, 36, i >> 8, i & 255)
const offer = (i: number) => new Uint8Array(createHash('sha256').update(`offer ${i}`).digest())
const sampling = (blocks: number, capacities: number[], seed = 0): Arcs =>
  arcs({ offerHash: offer(seed), blocks, members: capacities.map((c, i) => ({ peerId: peer(i), capacityPpm: c })) })

const UNLIKE = [1_000_000, 500_000, 250_000, 250_000]

const cases = fc.record({
  blocks: fc.integer({ min: 1, max: 40 }),
  capacities: fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 10 }),
  seed: fc.nat(1000),
  round: fc.integer({ min: 1, max: 60 }),
})

/** The order again, from the sentences of the documentation alone. */
function twinOrder(blocks: number, offerHash: Uint8Array, peers: Uint8Array[]): number[] {
  const sha = (...parts: (Uint8Array | string)[]) =>
    createHash('sha256')
      .update(Buffer.concat(parts.map((p) => Buffer.from(p))))
      .digest()
  const seed = sha(offerHash, ...peers.toSorted(Buffer.compare))
  const words: number[] = []
  for (let counter = 0; counter < 100; counter++) {
    const little = Buffer.alloc(8)
    little.writeUInt32LE(counter)
    const digest = sha('coppice/sampling/1\0', seed, little)
    for (let i = 0; i < 32; i += 4) words.push(digest.readUInt32LE(i))
  }
  const order = [...Array(blocks).keys()]
  for (let i = blocks - 1; i > 0; i--) {
    const limit = 2 ** 32 - (2 ** 32 % (i + 1))
    let word = words.shift() ?? 0
    while (word >= limit) word = words.shift() ?? 0
    const j = word % (i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

describe('layer sampling', () => {
  it('gives capacities 1, 0.5, 0.25, 0.25 of 6 blocks 6, 3, 2, 2 and of 30 blocks 30, 15, 8, 8', () => {
    assert.deepEqual(
      sampling(6, UNLIKE).members.map(({ length }) => length),
      [6, 3, 2, 2],
    )
    assert.deepEqual(
      sampling(30, UNLIKE).members.map(({ length }) => length),
      [30, 15, 8, 8],
    )
  })

  it('has each of the 6 blocks pruned by 2 or 3 of them a round, and member i done after 1 + ceil((6 - k) / 2) rounds', () => {
    const arcs = sampling(6, UNLIKE)
    for (let round = 1; round <= 12; round++) {
      const times = Array<number>(6).fill(0)
      for (let member = 0; member < 4; member++) for (const block of blocksOf(arcs, member, round)) times[block]++
      assert.ok(
        times.every((count) => count === 2 || count === 3),
        `round ${round}: ${times}`,
      )
    }
    assert.deepEqual(
      [0, 1, 2, 3].map((member) => roundsToCover(arcs, member)),
      [1, 3, 3, 3],
    )
    assert.equal(roundsUntilComplete(arcs), 3)
  })

  it('clamps and rounds the number of blocks in integers', () => {
    const known: [number, number, number][] = [
      [6, 1, 1],
      [6, 83_333, 1],
      [6, 250_000, 2], // 1.5, up
      [6, 249_999, 1],
      [6, 916_666, 5],
      [6, 916_667, 6],
      [6, 1_000_000, 6],
      [1, 1, 1],
      [1024, 1, 1],
      [1024, 500_000, 512],
    ]
    for (const [blocks, capacity, expected] of known) assert.equal(blocksPerRound(blocks, capacity), expected)
    for (const capacity of [0, -1, 1_000_001, 0.5, NaN]) assert.throws(() => blocksPerRound(6, capacity), RangeError)
  })

  it('is balanced: every block has floor(K / B) or ceil(K / B) contributors in every round', () => {
    fc.assert(
      fc.property(cases, ({ blocks, capacities, seed, round }) => {
        const arcs = sampling(blocks, capacities, seed)
        const times = Array<number>(blocks).fill(0)
        for (const [member, { length }] of arcs.members.entries()) {
          const own = blocksOf(arcs, member, round)
          assert.equal(new Set(own).size, length)
          for (const block of own) times[block]++
        }
        const average = arcs.members.reduce((sum, { length }) => sum + length, 0) / blocks
        assert.ok(times.every((count) => count === Math.floor(average) || count === Math.ceil(average)))
      }),
    )
  })

  it('covers: a member has reached every block after 1 + ceil((B - k) / step) rounds, and not before', () => {
    fc.assert(
      fc.property(cases, ({ blocks, capacities, seed }) => {
        const arcs = sampling(blocks, capacities, seed)
        const all = new Set<number>()
        for (const member of capacities.keys()) {
          const reached = new Set<number>()
          const rounds = roundsToCover(arcs, member)
          for (let round = 1; round <= rounds; round++) {
            if (round === rounds && blocks > 1) assert.ok(reached.size < blocks)
            for (const block of blocksOf(arcs, member, round)) reached.add(block)
          }
          assert.equal(reached.size, blocks)
          assert.ok(rounds <= roundsUntilComplete(arcs))
        }
        const covered = roundsUntilCovered(arcs)
        for (let round = 1; round <= covered; round++) {
          assert.ok(all.size < blocks)
          for (const member of capacities.keys()) for (const block of blocksOf(arcs, member, round)) all.add(block)
        }
        assert.equal(all.size, blocks)
      }),
    )
  })

  it('does not depend on the order in which members are given', () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.nat()), ({ blocks, capacities }, keys) => {
        const members = capacities.map((capacityPpm, i) => ({ peerId: peer(i), capacityPpm }))
        const shuffled = members
          .map((member) => ({ member, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ member }) => member)
        const given = arcs({ offerHash: offer(1), blocks, members })
        assert.deepEqual(arcs({ offerHash: offer(1), blocks, members: shuffled }), given)
      }),
    )
  })

  it('shuffles the blocks as documented', () => {
    for (const [blocks, count] of [
      [1, 1],
      [6, 4],
      [30, 16],
      [64, 3],
    ]) {
      const peers = Array.from({ length: count }, (_, i) => peer(i * 255))
      const members = peers.toReversed().map((peerId) => ({ peerId, capacityPpm: 1_000_000 }))
      const { order } = arcs({ offerHash: offer(blocks), blocks, members })
      assert.deepEqual(order, twinOrder(blocks, offer(blocks), peers))
    }
  })

  it('keeps its golden order', () => {
    assert.deepEqual(sampling(12, UNLIKE).order, [6, 5, 2, 9, 10, 7, 4, 3, 1, 11, 8, 0])
    assert.deepEqual(blocksOf(sampling(12, UNLIKE), 2, 2), [0, 8, 11])
  })

  it('shuffles without a bias: each order of 3 blocks for a sixth of 6000 offers', () => {
    const counts = new Map<string, number>()
    for (let i = 0; i < 6000; i++) {
      const key = sampling(3, [1_000_000], i).order.join()
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    assert.equal(counts.size, 6)
    for (const [order, count] of counts) assert.ok(Math.abs(count - 1000) < 120, `${order}: ${count}`) // 4 sigma
  })

  it('refuses targets that no plan can have', () => {
    assert.throws(() => sampling(0, [1]), RangeError)
    assert.throws(() => sampling(6, []), RangeError)
    const twice = [1, 2].map((capacityPpm) => ({ peerId: peer(1), capacityPpm }))
    assert.throws(() => arcs({ offerHash: offer(0), blocks: 6, members: twice }), RangeError)
    assert.throws(() => blocksOf(sampling(6, UNLIKE), 4, 1), RangeError)
    assert.throws(() => blocksOf(sampling(6, UNLIKE), 0, 0), RangeError)
  })
})
