import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeOffer, MAX_BLOCKS, MAX_ROUNDS, maskedFault, type Offer } from '../../../protocols/plan/offer.ts'
import { encode, MalformedMessageError } from '../../../protocols/wire/encoding.ts'
import { MERGE_RULES } from '../../../src/form/merging.ts'
import { type Method, PRUNERS } from '../../../src/form/method.ts'
import { anOffer } from '../../support/people.ts'

const modelOf = (blocks: number) => ({ name: 'deep', hash: new Uint8Array(32), parameters: 1, blocks })
const wanda: Method = { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } }
const sparsegpt: Method = { ...wanda, pruner: 'sparsegpt' }
const structured = (steps: number): Method => {
  return { pruner: 'llm-pruner', target: { kind: 'structured', ppm: 250_000, from: 0, to: 1, steps } }
}
const masked = (changes: Partial<Offer>): Partial<Offer> => ({ masked: true, merge: 'pooled', ...changes })

/** Whether an offer is taken. */
function isTaken(offer: Partial<Offer>): boolean {
  try {
    anOffer(offer)
    return true
  } catch (error) {
    if (error instanceof MalformedMessageError) return false
    throw error
  }
}

describe('a masked offer', () => {
  it('comes back from its bytes', () => {
    const sealed = anOffer(masked({}))
    assert.equal(sealed.offer.masked, true)
    assert.deepEqual(decodeOffer(sealed.bytes), sealed)
  })

  it('says yes or no, and nothing else', () => {
    const fields = structuredClone(anOffer().offer)
    assert.equal(decodeOffer(encode(fields)).offer.masked, false)
    for (const other of [undefined, null, 0, 1, 'true', []])
      assert.throws(() => decodeOffer(encode({ ...fields, masked: other })), MalformedMessageError, String(other))
    const { masked: _, ...without } = fields
    assert.throws(() => decodeOffer(encode(without)), MalformedMessageError)
  })

  it('is refused where single contributions are seen anyway, or must be', () => {
    const cases: Array<{ id: string; offer: Partial<Offer>; fault: ReturnType<typeof maskedFault> }> = [
      { id: 'pooled', offer: masked({}), fault: null },
      { id: 'pooled mean squares', offer: masked({ method: wanda }), fault: null },
      { id: 'structures', offer: masked({ merge: 'l0', method: structured(20) }), fault: null },
      { id: 'three members', offer: masked({ members: 3 }), fault: null },
      { id: 'two members', offer: masked({ members: 2 }), fault: 'members' },
      { id: 'votes on weights', offer: masked({ merge: 'l0', rounds: 1 }), fault: null },
      { id: 'votes alone', offer: masked({ merge: 'l0', method: wanda, rounds: 1 }), fault: null },
      { id: 'votes again and again', offer: masked({ merge: 'l0', rounds: 2 }), fault: 'rounds' },
      { id: 'trimmed', offer: masked({ merge: 'trimmed' }), fault: 'rule' },
      { id: 'trimmed structures', offer: masked({ merge: 'trimmed', method: structured(20) }), fault: 'rule' },
      {
        id: 'structures until nothing changes',
        offer: masked({ merge: 'l0', method: structured(20), untilChange: 1 }),
        fault: 'untilChange',
      },
    ]
    for (const { id, offer, fault } of cases) {
      const open = { ...anOffer().offer, ...offer }
      assert.equal(maskedFault(open), fault, id)
      assert.equal(isTaken(offer), fault === null, id)
    }
  })

  it('has no more sums than there are rounds and slots', () => {
    const cases: Array<{ good: Partial<Offer>; bad: Partial<Offer> }> = [
      // 2 rounds of keys and 2 an opening
      {
        good: masked({ method: wanda, model: modelOf(499), rounds: 499 }),
        bad: masked({ method: wanda, model: modelOf(500), rounds: 500 }),
      },
      {
        good: masked({ method: sparsegpt, model: modelOf(249), rounds: 249 }),
        bad: masked({ method: sparsegpt, model: modelOf(250), rounds: 250 }),
      },
      {
        good: masked({ merge: 'l0', method: structured(1), rounds: 499 }),
        bad: masked({ merge: 'l0', method: structured(1), rounds: 500 }),
      },
      // a slot a block or two, 2 of keys, and one an opening
      {
        good: masked({ method: wanda, model: modelOf(MAX_BLOCKS - 3), rounds: 1 }),
        bad: masked({ method: wanda, model: modelOf(MAX_BLOCKS - 2), rounds: 1 }),
      },
      {
        good: masked({ method: sparsegpt, model: modelOf(510), rounds: 1 }),
        bad: masked({ method: sparsegpt, model: modelOf(511), rounds: 1 }),
      },
      {
        good: masked({ merge: 'l0', method: structured(0), rounds: MAX_ROUNDS }),
        bad: masked({ merge: 'l0', method: structured(0), model: modelOf(MAX_BLOCKS - 2) }),
      },
      {
        good: masked({ merge: 'l0', rounds: 1, model: modelOf(MAX_BLOCKS - 3) }),
        bad: masked({ merge: 'l0', rounds: 1, model: modelOf(MAX_BLOCKS - 2) }),
      },
    ]
    for (const { good, bad } of cases) {
      assert.ok(isTaken(good), JSON.stringify(good))
      assert.ok(!isTaken(bad), JSON.stringify(bad))
      assert.ok(isTaken({ ...bad, masked: false }), 'the open plan is good')
    }
  })

  it('is taken only if the open one is, and its bytes differ in one field', () => {
    const method = fc.oneof(
      fc.constantFrom(...PRUNERS).map((pruner): Method => ({ ...wanda, pruner })),
      fc.nat(2).map(structured),
    )
    const offers = fc.record({
      method,
      merge: fc.constantFrom(...MERGE_RULES),
      members: fc.integer({ min: 2, max: 8 }),
      rounds: fc.integer({ min: 1, max: 1000 }),
      model: fc.integer({ min: 1, max: 1024 }).map(modelOf),
      untilChange: fc.constantFrom(null, 5),
    })
    fc.assert(
      fc.property(offers, (offer) => {
        if (!isTaken({ ...offer, masked: true })) return
        const [hidden, open] = [true, false].map((masked) => anOffer({ ...offer, masked }).offer)
        assert.deepEqual({ ...hidden, masked: false }, open)
        assert.ok(offer.members > 2 && offer.merge !== 'trimmed' && offer.untilChange === null)
      }),
    )
  })
})
