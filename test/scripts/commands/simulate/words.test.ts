import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import { planInWords } from '../../../../protocols/plan/words.ts'
import { introduction } from '../../../../scripts/commands/simulate/words.ts'
import { anOffer } from '../../../support/people.ts'

const PLANS: Partial<Offer>[] = [
  {},
  { rounds: 1, sample: 1_000_000 },
  { method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } } },
  { merge: 'trimmed' },
  { merge: 'pooled', sample: 1_000_000 },
  { merge: 'pooled', masked: true, sample: 1_000_000 },
  { masked: true, rounds: 1 },
  {
    method: { pruner: 'llm-pruner', target: { kind: 'structured', ppm: 250_000, from: 0, to: 3, steps: 20 } },
    masked: true,
    sample: 1_000_000,
  },
]

describe('the plan of a simulation in words', () => {
  for (const changes of PLANS) {
    it(`speaks of each site, and to none: ${JSON.stringify(changes)}`, () => {
      const { offer } = anOffer(changes)
      const text = introduction(planInWords(offer), offer.method)
      assert.doesNotMatch(text, /\b(this site|your|yours|you)\b/i, text)
      assert.match(text, /^Each site /m)
      for (const line of text.split('\n')) assert.ok((line.match(/:/g)?.length ?? 0) < 2, line)
    })
  }
})
