import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Method } from '../../../src/form/method.ts'
import { blockOfSlot, isSecondSlot, slotCount, slotsOfRound, trainsAdapters } from '../../../src/merge/slots.ts'

const BLOCKS = 5
const ARC = [1, 3]
const structured = (steps: number): Method => ({
  pruner: 'llm-pruner',
  target: { kind: 'structured', ppm: 250_000, from: 0, to: 5, steps },
})
const wanda: Method = { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } }

describe('the slots of a plan', () => {
  it('are the blocks where masks are pruned, in every round', () => {
    const plan = { method: wanda, merge: 'l0', rounds: 3 } as const
    assert.equal(slotCount(plan, BLOCKS), BLOCKS)
    for (const round of [1, 2, 3]) assert.deepEqual(slotsOfRound(plan, BLOCKS, round, ARC), ARC)
  })

  it('are all importances in the first round, and the adapters of the arc in later ones', () => {
    const plan = { method: structured(20), merge: 'l0', rounds: 3 } as const
    assert.equal(slotCount(plan, BLOCKS), 2 * BLOCKS)
    const [first, second] = [1, 2].map((round) => slotsOfRound(plan, BLOCKS, round, ARC))
    assert.deepEqual(first, [0, 1, 2, 3, 4])
    assert.deepEqual(second, [6, 8])
    assert.ok(first.every((slot) => !isSecondSlot(slot, BLOCKS)))
    assert.ok(second.every((slot) => isSecondSlot(slot, BLOCKS)))
    assert.deepEqual(
      second.map((slot) => blockOfSlot(slot, BLOCKS)),
      ARC,
    )
  })

  it('have none of adapters where the plan trains nothing', () => {
    for (const plan of [
      { method: structured(0), merge: 'l0', rounds: 3 } as const,
      { method: structured(20), merge: 'l0', rounds: 1 } as const,
    ]) {
      assert.ok(!trainsAdapters(plan))
      assert.equal(slotCount(plan, BLOCKS), BLOCKS)
      for (let round = 1; round <= plan.rounds; round++)
        assert.deepEqual(slotsOfRound(plan, BLOCKS, round, ARC), [0, 1, 2, 3, 4])
    }
  })
})
