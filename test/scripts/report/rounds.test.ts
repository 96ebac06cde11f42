import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { VerifiedSum } from '../../../peers/verify/sums.ts'
import type { MaskedRound } from '../../../protocols/round/masked/sums.ts'
import { sumsInWords } from '../../../scripts/report/masked-sums.ts'
import { reportedPhase, roundInWords } from '../../../scripts/report/rounds.ts'
import type { Method } from '../../../src/form/method.ts'

const METHODS: Record<'moments' | 'squares' | 'structures', Method> = {
  moments: { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } },
  squares: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
  structures: { pruner: 'llm-pruner', target: { kind: 'structured', ppm: 250_000, from: 0, to: 3, steps: 3 } },
}
const CERTIFIED = { certificate: '6c48994f'.repeat(8), contributions: 12, uncovered: [], bits: 200 }
const FOUR = [0, 1, 2, 3]

interface Told {
  method?: keyof typeof METHODS
  round: number
  moved?: number
  masked: MaskedRound | null
}

function words({ method = 'moments', round, moved = 0, masked }: Told): string {
  const merge = method === 'structures' ? ('l0' as const) : ('pooled' as const)
  const terms = { method: METHODS[method], merge, rounds: 2 }
  return roundInWords({ ...CERTIFIED, round, moved, masked }, terms, 10)
}
const opening = (phase: 'list' | 'reveal', opening: number, members = FOUR): MaskedRound => {
  return { phase, opening, blocks: [0, 1, 2], members }
}

describe('a certified round in words', () => {
  it('of an open plan says how many contributions were merged, and from the second on what has changed', () => {
    assert.equal(
      words({ round: 1, masked: null }),
      'Round 1 of 10 agreed: 12 contributions merged (certificate 6c48994f)',
    )
    assert.equal(
      words({ round: 2, moved: 3, masked: null }),
      'Round 2 of 10 agreed: 12 contributions merged, 1.5 % of the masks changed since the last round (certificate 6c48994f)',
    )
  })

  const MASKED: { told: Told; says: string }[] = [
    {
      told: { round: 1, masked: { phase: 'keys', opening: null, blocks: [], members: FOUR } },
      says: 'Round 1 of 10: the keys of all 4 sites are certified',
    },
    {
      told: { round: 2, masked: { phase: 'sheets', opening: null, blocks: [], members: FOUR } },
      says: 'Round 2 of 10: the key sheets of all 4 sites are certified',
    },
    {
      told: { round: 3, masked: opening('list', 1, [0, 1, 3]) },
      says: 'Round 3 of 10: the masked mean squares of 3 sites are listed: blocks 0 to 2',
    },
    {
      told: { round: 4, masked: opening('reveal', 1) },
      says: 'Round 4 of 10: the sum of the mean squares of 4 sites is opened: blocks 0 to 2',
    },
    {
      told: { round: 6, moved: 50, masked: opening('reveal', 2) },
      says: 'Round 6 of 10: the sum of the products of 4 sites is opened: blocks 0 to 2, 25.0 % of the masks changed',
    },
    {
      told: { round: 3, masked: opening('list', 1, []) },
      says:
        'Round 3 of 10: too few sites have come for a sum of the mean squares, which is never opened: blocks 0 to 2; ' +
        'these blocks keep their base weights',
    },
    {
      told: { round: 4, masked: opening('reveal', 1, []) },
      says: 'Round 4 of 10: no sum is opened, since nobody is in its list: blocks 0 to 2',
    },
    {
      told: { method: 'squares', round: 6, moved: 1, masked: opening('reveal', 2) },
      says: 'Round 6 of 10: the sum of the mean squares of 4 sites is opened: blocks 0 to 2, 0.5 % of the masks changed',
    },
    {
      told: { method: 'structures', round: 4, moved: 50, masked: opening('reveal', 1) },
      says:
        'Round 4 of 10: the sum of the importances of 4 sites is opened: blocks 0 to 2, ' +
        '25.0 % of the heads and channels changed',
    },
    {
      told: { method: 'structures', round: 5, masked: opening('list', 2, []) },
      says:
        'Round 5 of 10: too few sites have come for a sum of the adapters, which is never opened: blocks 0 to 2; ' +
        'these blocks keep the adapters of before, if any',
    },
  ]
  for (const { told, says } of MASKED) {
    it(`of a masked plan: ${says}`, () => assert.equal(words(told), `${says} (certificate 6c48994f)`))
  }

  it('adds a phase to a report of a masked plan alone', () => {
    assert.deepEqual(reportedPhase(null), {})
    assert.deepEqual(reportedPhase(opening('reveal', 2)), { phase: 'reveal', opening: 2, sites: 4 })
  })
})

describe('the sums that verify opens, in words', () => {
  const sum: VerifiedSum = { opening: 1, of: 'meanSquares', blocks: [0, 1, 2], sites: 4, state: 'opened' }

  it('have a line for all of one kind with the same sites', () => {
    const sums: VerifiedSum[] = [
      sum,
      { ...sum, opening: 2, of: 'products' },
      { ...sum, opening: 3, blocks: [3, 4] },
      { ...sum, opening: 4, of: 'products', blocks: [3, 4], sites: 3 },
      { ...sum, opening: 5, blocks: [5], sites: 0, state: 'closed' },
    ]
    assert.deepEqual(sumsInWords(sums), [
      'Opened again: the sum of the mean squares of 4 sites, blocks 0 to 4.',
      'Opened again: the sum of the products of 4 sites, blocks 0 to 2.',
      'Opened again: the sum of the products of 3 sites, blocks 3, 4.',
      'Never opened: the sum of the mean squares, block 5. Too few sites had come, so these blocks keep their base weights.',
    ])
  })

  it('say which were replaced', () => {
    const replaced = { ...sum, of: 'adapters', state: 'replaced' } as const
    assert.deepEqual(sumsInWords([2, 3].map((opening) => ({ ...replaced, opening }))), [
      'Not opened again: the sum of the adapters of 4 sites, blocks 0 to 2 in 2 openings. ' +
        'Newer ones have replaced them, and nobody keeps them.',
    ])
  })
})
