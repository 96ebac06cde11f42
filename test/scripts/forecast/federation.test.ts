import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergingOf, type OfferTerms } from '../../../protocols/plan/offer.ts'
import { assumedPlan, contributedBytes, memberSends } from '../../../scripts/forecast/federation.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'

/** The shapes of the embedded model. */
const FORM = {
  inputs: [192, 192, 192, 512],
  layers: [
    ...[192, 64, 64].map((rows) => ({ rows, cols: 192, input: 0 })),
    { rows: 192, cols: 192, input: 1 },
    ...[512, 512].map((rows) => ({ rows, cols: 192, input: 2 })),
    { rows: 192, cols: 512, input: 3 },
  ],
}
const description = { blocks: 6, forms: Array.from({ length: 6 }, () => FORM) } as unknown as ModelDescription
const HALF = { kind: 'unstructured', ppm: 500_000 } as const
const ALL = 1_000_000

const TERMS = {
  method: { pruner: 'sparsegpt', target: HALF },
  model: { name: 'embedded', hash: new Uint8Array(32), parameters: 2_755_008, blocks: 6 },
  ...{ merge: 'l0', masked: false, rounds: 1, sample: ALL, untilChange: null, roundTimeoutMs: null },
  ...{ windows: 4, window: 64, members: 4 },
} as const satisfies Omit<OfferTerms, 'founder' | 'nonce'>

/** The bytes that sites of simulations have sent, as the reports had it. */
const SENT = [
  { name: 'weights, in an open plan', terms: TERMS, payload: 2_680_368, sent: 8_099_716 },
  {
    name: 'moments in two masked groups',
    terms: { ...TERMS, merge: 'pooled', masked: true, rounds: 2 } as const,
    payload: 2_334_432,
    sent: 7_222_447,
  },
]

describe('the bytes that a site of four sends', () => {
  for (const { name, terms, payload, sent } of SENT)
    it(`are forecast: ${name}`, () => {
      const plan = assumedPlan(terms, [ALL, ALL, ALL, ALL])
      const contributing = { description, method: terms.method, merging: mergingOf(plan.offer), structured: null }
      assert.equal(Math.round(contributedBytes(plan, contributing, 0)), payload)
      const ratio = memberSends(plan, contributing, 0) / sent
      assert.ok(Math.abs(ratio - 1) < 0.02, `${ratio} times what was sent`)
    })
})
