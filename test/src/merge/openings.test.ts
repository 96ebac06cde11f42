import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Method, PrunerName } from '../../../src/form/method.ts'
import { maskedRounds, maskedSlots, openingsOf, slotsOfOpening } from '../../../src/merge/openings.ts'
import { type PooledPlan, pooledRounds, slotsOfGroups } from '../../../src/merge/pooled/groups.ts'

const pooled = (pruner: PrunerName, rounds: number): PooledPlan => {
  return { method: { pruner, target: { kind: 'unstructured', ppm: 500_000 } }, merge: 'pooled', rounds }
}
const structured = (steps: number, rounds: number): PooledPlan => {
  const method: Method = { pruner: 'llm-pruner', target: { kind: 'structured', ppm: 250_000, from: 0, to: 6, steps } }
  return { method, merge: 'l0', rounds }
}

describe('the openings of a masked plan', () => {
  it('are one a group of mean squares, and two a group of second moments', () => {
    assert.deepEqual([pooled('wanda', 5), pooled('magnitude', 5), pooled('sparsegpt', 5)].map(openingsOf), [5, 5, 10])
  })

  it('are the importances, and one more for each later round that trains', () => {
    assert.deepEqual([structured(20, 4), structured(0, 4), structured(20, 1)].map(openingsOf), [4, 1, 1])
  })

  it('are a single one of votes on weights, of all blocks and all members', () => {
    for (const pruner of ['sparsegpt', 'wanda', 'magnitude'] as const) {
      const plan: PooledPlan = { ...pooled(pruner, 1), merge: 'l0' }
      assert.equal(openingsOf(plan), 1)
      assert.equal(maskedRounds(plan), 4)
      assert.equal(maskedSlots(plan, 30), 30 + 2 + 1)
      assert.deepEqual(slotsOfOpening(plan, 3, 1, []), [0, 1, 2])
    }
  })

  it('take two rounds each after the two of keys, and a slot each for reveals', () => {
    assert.deepEqual([pooled('wanda', 5), pooled('sparsegpt', 5), structured(20, 4)].map(maskedRounds), [12, 22, 10])
    assert.equal(maskedSlots(pooled('wanda', 5), 30), 30 + 2 + 5)
    assert.equal(maskedSlots(pooled('sparsegpt', 5), 30), 60 + 2 + 10)
    // Adapters take turns in two sets of slots, and so do their reveals.
    assert.equal(maskedSlots(structured(20, 4), 30), 90 + 2 + 3)
    assert.equal(maskedSlots(structured(20, 2), 30), 90 + 2 + 2)
    assert.equal(maskedSlots(structured(0, 4), 30), 30 + 2 + 1)
  })

  it('are as many as rounds of the open plan in which anything is offered', () => {
    const pruners = fc.constantFrom<PrunerName>('sparsegpt', 'wanda', 'magnitude')
    fc.assert(
      fc.property(pruners, fc.integer({ min: 1, max: 40 }), fc.nat(40), (pruner, groups, more) => {
        const plan = pooled(pruner, groups)
        const all = Array.from({ length: groups }, (_, g) => g + 1)
        const rounds = Array.from({ length: pooledRounds(plan) + 2 }, (_, r) => r + 1)
        const offered = rounds.filter((round) => slotsOfGroups(plan, groups + more, round, all).length > 0)
        assert.equal(openingsOf(plan), offered.length)
      }),
    )
  })
})
