import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Method } from '../../../../src/form/method.ts'
import {
  blocksOfGroup,
  groupsOfMembers,
  type PooledPlan,
  pooledRounds,
  slotsOfGroups,
  smallestGroup,
} from '../../../../src/merge/pooled/groups.ts'
import { blocksPerRound } from '../../../../src/merge/sampling.ts'

const planOf = (pruner: 'sparsegpt' | 'wanda', rounds: number): PooledPlan => {
  const method: Method = { pruner, target: { kind: 'unstructured', ppm: 500_000 } }
  return { method, merge: 'pooled', rounds }
}

describe('groups of blocks', () => {
  it('hold every block once, in order, and none is empty', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 130 }), fc.nat(), (blocks, seed) => {
        const groups = 1 + (seed % blocks)
        const all = Array.from({ length: groups }, (_, g) => blocksOfGroup(g + 1, groups, blocks))
        assert.deepEqual(all.flat(), [...Array(blocks).keys()])
        assert.ok(all.every(({ length }) => length > 0))
      }),
    )
  })

  it('take two rounds where second moments are offered: mean squares, then products', () => {
    const plan = planOf('sparsegpt', 2)
    assert.equal(pooledRounds(plan), 4)
    assert.deepEqual(
      [1, 2, 3, 4].map((round) => slotsOfGroups(plan, 5, round, [1, 2])),
      [
        [0, 1],
        [5, 6],
        [2, 3, 4],
        [7, 8, 9],
      ],
    )
  })

  it('take one round where mean squares are all', () => {
    const plan = planOf('wanda', 2)
    assert.equal(pooledRounds(plan), 2)
    assert.deepEqual(slotsOfGroups(plan, 5, 2, [1, 2]), [2, 3, 4])
  })

  it('are given to members by capacity, and a member offers nothing of others', () => {
    const plan = planOf('sparsegpt', 5)
    const members = [1_000_000, 500_000, 100_000].map((capacityPpm, i) => ({ peerId: Uint8Array.of(i), capacityPpm }))
    const groups = groupsOfMembers(plan, { offerHash: new Uint8Array(32), members })
    assert.deepEqual(groups[0], [1, 2, 3, 4, 5])
    assert.deepEqual(
      groups.map(({ length }) => length),
      [5, 3, 1],
    )
    const [only] = groups[2]
    for (let round = 1; round <= 10; round++)
      assert.equal(slotsOfGroups(plan, 10, round, groups[2]).length > 0, Math.ceil(round / 2) === only)
  })

  it('have equally many sites, but for one, where all capacities are equal', () => {
    const capacities = fc.integer({ min: 1, max: 1_000_000 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 40 }), capacities, (n, groups, ppm) => {
        const plan = planOf('wanda', groups)
        const members = Array.from({ length: n }, (_, i) => ({ peerId: Uint8Array.of(i), capacityPpm: ppm }))
        const smallest = smallestGroup(plan, { offerHash: new Uint8Array(32), members })
        assert.equal(smallest, Math.floor((n * blocksPerRound(groups, ppm)) / groups))
      }),
    )
  })
})
