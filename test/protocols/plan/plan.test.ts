import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Acceptance,
  acceptanceFault,
  decodeAcceptance,
  encodeAcceptance,
  makeAcceptance,
} from '../../../protocols/plan/acceptance.ts'
import {
  decodeOffer,
  faultsOf,
  MAX_BLOCKS,
  MAX_MEMBERS,
  MAX_OFFER_BYTES,
  MAX_ROUNDS,
  MAX_STEPS,
  mergingOf,
  type Offer,
  offerVersion,
  quorumOf,
} from '../../../protocols/plan/offer.ts'
import {
  decodePlan,
  decodePlanSignature,
  decodeSignedPlan,
  encodePlanSignature,
  encodeSignedPlan,
  InvalidPlanError,
  MAX_PLAN_BYTES,
  MAX_SIGNED_PLAN_BYTES,
  makePlan,
  memberOf,
  type PlanFault,
  planSignatureFault,
  signPlan,
} from '../../../protocols/plan/plan.ts'
import { MAX_SITE_NAME } from '../../../protocols/plan/site-name.ts'
import { encode, equalBytes, MalformedMessageError } from '../../../protocols/wire/encoding.ts'
import type { Method, SparsityTarget, StructuredTarget } from '../../../src/form/method.ts'
import { anOffer, aPlan, flipped, person, SECRET } from '../../support/people.ts'

const sparse = (target: SparsityTarget): Method => ({ pruner: 'sparsegpt', target })
const structured = (changes: Partial<StructuredTarget>): Method => ({
  pruner: 'llm-pruner',
  target: { kind: 'structured', ppm: 250_000, from: 1, to: 6, steps: 20, ...changes },
})
const manyBlocks = (blocks: number) => ({ name: 'deep', hash: new Uint8Array(32), parameters: 1, blocks })

describe('an offer', () => {
  test('comes back from its bytes, with the hash that its founder gave it', () => {
    const sealed = anOffer()
    assert.deepEqual(decodeOffer(sealed.bytes), sealed)
  })

  test('has another hash after any change', () => {
    const changes: Array<Partial<Offer>> = [
      { nonce: new Uint8Array(16) },
      { rounds: 3 },
      { untilChange: 1000 },
      { sample: 500_001 },
      { method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 600_000 } } },
      { method: sparse({ kind: 'pattern', n: 2, m: 4 }) },
      { method: structured({}) },
      { method: structured({ steps: 21 }) },
      { members: 5 },
      { roundTimeoutMs: 0 },
      { harmLimit: 2_000_000 },
      { merge: 'pooled' },
      { merge: 'pooled', masked: true },
    ]
    const hashes = [anOffer(), ...changes.map((change) => anOffer(change))].map(({ hash }) =>
      Buffer.from(hash).toString('hex'),
    )
    assert.equal(new Set(hashes).size, hashes.length)
  })

  const limits: Array<{ id: string; good?: Partial<Offer>; bad: Partial<Offer> }> = [
    { id: 'members', good: { members: MAX_MEMBERS }, bad: { members: MAX_MEMBERS + 1 } },
    { id: 'one member', good: { members: 2 }, bad: { members: 1 } },
    { id: 'rounds', good: { rounds: MAX_ROUNDS }, bad: { rounds: MAX_ROUNDS + 1 } },
    { id: 'no round', bad: { rounds: 0 } },
    {
      id: 'sparsity of 1',
      good: { method: sparse({ kind: 'unstructured', ppm: 999_999 }) },
      bad: { method: sparse({ kind: 'unstructured', ppm: 1_000_000 }) },
    },
    {
      id: 'a pattern that removes all',
      good: { method: sparse({ kind: 'pattern', n: 3, m: 4 }) },
      bad: { method: sparse({ kind: 'pattern', n: 4, m: 4 }) },
    },
    {
      id: 'a ratio of 1',
      good: { method: structured({ ppm: 999_999 }) },
      bad: { method: structured({ ppm: 1_000_000 }) },
    },
    {
      id: 'more blocks than there are',
      good: { method: structured({ to: 6 }) },
      bad: { method: structured({ to: 7 }) },
    },
    { id: 'no blocks', good: { method: structured({ from: 5 }) }, bad: { method: structured({ from: 6 }) } },
    {
      id: 'training without end',
      good: { method: structured({ steps: MAX_STEPS }) },
      bad: { method: structured({ steps: MAX_STEPS + 1 }) },
    },
    {
      id: 'more blocks than there are slots for adapters',
      good: { method: structured({}), rounds: 2, model: manyBlocks(MAX_BLOCKS / 2) },
      bad: { method: structured({}), rounds: 2, model: manyBlocks(MAX_BLOCKS / 2 + 1) },
    },
    { id: 'no sample', good: { sample: 1 }, bad: { sample: 0 } },
    { id: 'a window of one token', good: { window: 2 }, bad: { window: 1 } },
    { id: 'a founder that is no key', bad: { founder: new Uint8Array(38) } },
    {
      id: 'a model name with a line break',
      bad: { model: { name: 'a\nb', hash: new Uint8Array(32), parameters: 1, blocks: 1 } },
    },
    {
      id: 'a model name with an escape',
      bad: { model: { name: '\u001b[2J', hash: new Uint8Array(32), parameters: 1, blocks: 1 } },
    },
    {
      id: 'a model name that turns the line round',
      bad: { model: { name: '\u202eabc', hash: new Uint8Array(32), parameters: 1, blocks: 1 } },
    },
  ]
  for (const { id, good, bad } of limits) {
    test(`is refused with ${id} beyond its limit`, () => {
      if (good !== undefined) anOffer(good)
      assert.throws(() => anOffer(bad), MalformedMessageError)
    })
  }

  test('without a rule of merging has l0, with the same bytes', () => {
    assert.deepEqual(anOffer({ merge: 'l0' }).bytes, anOffer().bytes)
    assert.equal(anOffer({ merge: 'trimmed' }).offer.merge, 'trimmed')
    const trimmed = { rule: 'trimmed', members: 7, faults: 2, masked: false }
    assert.deepEqual(mergingOf({ merge: 'trimmed', members: 7, masked: false }), trimmed)
    const pooled = { rule: 'pooled', members: 7, faults: 0, masked: true }
    assert.deepEqual(mergingOf({ merge: 'pooled', members: 7, masked: true }), pooled)
  })

  test('of another version says which, even where nothing else is known', () => {
    assert.equal(offerVersion(encode({ version: 5, anything: 'else' })), 5)
    assert.equal(offerVersion(anOffer().bytes), 4)
    assert.equal(offerVersion(encode({ version: 'two' })), null)
    assert.equal(offerVersion(new Uint8Array([0xff])), null)
    assert.equal(offerVersion(new Uint8Array(MAX_OFFER_BYTES + 1)), null)
  })
})

test('a quorum is more than two thirds, and one more than a third cannot all be liars', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 16, 64].map(quorumOf), [1, 2, 3, 3, 4, 5, 5, 11, 43])
  for (let n = 1; n <= MAX_MEMBERS; n++) {
    assert.ok(2 * quorumOf(n) - n > faultsOf(n), `two quorums of ${n} share an honest member`)
    assert.ok(quorumOf(n) <= n - faultsOf(n), `the honest of ${n} are a quorum`)
  }
})

describe('an acceptance', () => {
  const { hash } = anOffer()
  const accept = (changes: Partial<Parameters<typeof makeAcceptance>[1]> = {}) => {
    return makeAcceptance(person(2), { offer: hash, secret: SECRET, site: 'Bern', capacity: 250_000, ...changes })
  }

  test('is good as it was made, and comes back from its bytes', () => {
    const acceptance = accept()
    assert.equal(acceptanceFault(acceptance, hash, SECRET), null)
    assert.deepEqual(decodeAcceptance(encodeAcceptance(acceptance)), acceptance)
  })

  test('does not count for another offer, under another secret, or with anything changed', () => {
    const good = accept()
    const other = anOffer({ rounds: 7 }).hash
    assert.equal(acceptanceFault(good, other, SECRET), 'offer')
    assert.equal(acceptanceFault(accept({ secret: new Uint8Array(16) }), hash, SECRET), 'invitation')
    const changes: Array<Partial<Acceptance>> = [{ capacity: 1 }, { site: 'Basel' }, { peer: person(3).peerId }]
    for (const change of changes) {
      assert.equal(acceptanceFault({ ...good, ...change }, hash, SECRET), 'invitation')
      assert.equal(acceptanceFault({ ...good, ...change }, hash, null), 'signature')
    }
    assert.equal(acceptanceFault({ ...good, mac: flipped(good.mac, 3) }, hash, null), 'signature')
  })

  test('takes a site name of 40 characters and none of 41, nothing that moves the cursor, no capacity of 0', () => {
    accept({ site: 'x'.repeat(MAX_SITE_NAME) })
    for (const site of ['x'.repeat(MAX_SITE_NAME + 1), '', 'a\tb', '\u001b[1m']) {
      assert.throws(() => accept({ site }), MalformedMessageError, JSON.stringify(site))
    }
    const hidden = accept({ site: 'North\u3164' })
    assert.equal(acceptanceFault(hidden, hash, SECRET), 'name')
    assert.equal(acceptanceFault(hidden, hash, null), null, 'a plan that was signed before names had rules holds')
    for (const capacity of [0, 1_000_001]) assert.throws(() => accept({ capacity }), MalformedMessageError)
  })
})

describe('a plan', () => {
  test('is the same whatever the order of its acceptances, with members by peer id', () => {
    const { plan } = aPlan()
    const shuffled = makePlan(decodeOffer(anOffer().bytes), plan.acceptances.toReversed(), SECRET)
    assert.deepEqual(shuffled.id, plan.id)
    const ids = plan.members.map(({ peer }) => Buffer.from(peer))
    assert.deepEqual(ids, [...ids].sort(Buffer.compare))
    assert.equal(memberOf(plan, person(9).peerId), null)
    assert.equal(memberOf(plan, plan.members[2].peer)?.index, 2)
  })

  const { plan } = aPlan()
  const bytesOf = (acceptances: Acceptance[]) => encode({ offer: anOffer().bytes, acceptances })
  const stranger = makeAcceptance(person(8), {
    offer: plan.offerHash,
    secret: new Uint8Array(16),
    site: 'x',
    capacity: 1,
  })
  const faults: Array<{ reason: PlanFault; bytes: Uint8Array }> = [
    { reason: 'members', bytes: bytesOf(plan.acceptances.slice(1)) },
    { reason: 'order', bytes: bytesOf(plan.acceptances.toReversed()) },
    { reason: 'order', bytes: bytesOf([plan.acceptances[0], ...plan.acceptances.slice(0, 3)]) },
    {
      reason: 'invitation',
      bytes: bytesOf([...plan.acceptances.slice(1), stranger].sort((a, b) => Buffer.compare(a.peer, b.peer))),
    },
    {
      reason: 'signature',
      bytes: bytesOf(plan.acceptances.map((a, i) => (i === 1 ? { ...a, signature: flipped(a.signature, 9) } : a))),
    },
    { reason: 'offer', bytes: encode({ offer: anOffer({ rounds: 9 }).bytes, acceptances: plan.acceptances }) },
  ]
  for (const { reason, bytes } of faults) {
    test(`is refused for its ${reason}`, () => {
      assert.throws(
        () => decodePlan(bytes, SECRET),
        (error) => error instanceof InvalidPlanError && error.reason === reason,
      )
    })
  }

  test('is refused without its founder', () => {
    const sealed = anOffer({ members: 2 })
    const others = [person(2), person(3)].map((signer) => {
      return makeAcceptance(signer, { offer: sealed.hash, secret: SECRET, site: 'x', capacity: 1 })
    })
    assert.throws(
      () => makePlan(sealed, others, SECRET),
      (error) => error instanceof InvalidPlanError && error.reason === 'founder',
    )
  })

  test('of the most members, with the longest names, fits its cap', () => {
    const { plan, signers } = aPlan({ members: MAX_MEMBERS })
    assert.ok(plan.bytes.byteLength <= MAX_PLAN_BYTES)
    const signatures = signers.map((signer) => signPlan(signer, plan).signature)
    assert.ok(encodeSignedPlan({ plan, signatures }).byteLength <= MAX_SIGNED_PLAN_BYTES)
    const longest = 64 * (encodeAcceptance(plan.acceptances[0]).byteLength + 4 * MAX_SITE_NAME)
    assert.ok(longest + MAX_OFFER_BYTES <= MAX_PLAN_BYTES, `${longest}`)
  })

  test('is signed by members, each in its own name', () => {
    const { plan, signers } = aPlan()
    const signature = signPlan(signers[2], plan)
    assert.deepEqual(decodePlanSignature(encodePlanSignature(signature)), signature)
    assert.equal(planSignatureFault(plan, signature), null)
    assert.equal(planSignatureFault(plan, { ...signature, member: 1 }), 'signature')
    assert.equal(planSignatureFault(plan, { ...signature, member: 4 }), 'member')
    assert.equal(planSignatureFault(aPlan({ rounds: 5 }).plan, signature), 'plan')
    assert.throws(() => signPlan(person(9), plan), RangeError)
  })

  test('with signatures holds only if every bit of it does', () => {
    const { plan, signers } = aPlan()
    const signatures = signers.map((signer) => signPlan(signer, plan).signature)
    const bytes = encodeSignedPlan({ plan, signatures })
    assert.ok(equalBytes(decodeSignedPlan(bytes).plan.id, plan.id))
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 13) {
      assert.throws(
        () => decodeSignedPlan(flipped(bytes, bit)),
        (error) => error instanceof MalformedMessageError || error instanceof InvalidPlanError,
        `bit ${bit}`,
      )
    }
  })
})
