import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { costInWords, perplexityTable } from '../../../scripts/report/federation-table.ts'

const sites = (count: number) => Array.from({ length: count }, (_, i) => ({ site: `s${i}` }))
const rounds = [
  { round: 1, bytes: 3_000_000 },
  { round: 2, bytes: 2_000_000 },
]

const groups = rounds.map((round, i) => ({ ...round, group: i + 1 }))

describe('the table of a simulation', () => {
  it('sets dense, each site alone, groups with the bytes so far, votes, FedAvg, and all text in one place side by side', () => {
    const rows = [
      {
        text: 'early',
        window: 256,
        dense: 18.77,
        isolated: [24.86, 28.76],
        rounds: [25.44, 24.51],
        l0: 24.51,
        fedavg: 24.66,
        pooledText: 24.02,
      },
      {
        text: 'novel',
        window: 256,
        dense: 37.73,
        isolated: [61.8, 50.74],
        rounds: [57.85, 54.84],
        l0: 54.84,
        fedavg: 56.22,
        pooledText: 50.31,
      },
    ]
    assert.equal(
      perplexityTable(rows, sites(2), groups),
      [
        'perplexity      dense  alone at         alone    group 1    group 2  by votes  FedAvg      all text',
        'windows of 256               s0     s1   mean  sent 3 MB  sent 5 MB      (l0)          in one place',
        '---------------------------------------------------------------------------------------------------',
        'early           18.77     24.86  28.76  26.81      25.44      24.51     24.51   24.66         24.02',
        'novel           37.73     61.80  50.74  56.27      57.85      54.84     54.84   56.22         50.31',
      ].join('\n'),
    )
  })

  it('has no column for a round that only prepares the next, and counts its bytes there', () => {
    const rows = [
      { text: 'a', window: 256, dense: 1, isolated: null, rounds: [1, 2], l0: null, fedavg: null, pooledText: null },
    ]
    const parts = [
      { round: 1, bytes: 3_000_000, isPart: true },
      { round: 2, bytes: 2_000_000 },
    ]
    const lines = perplexityTable(rows, sites(2), parts).split('\n')
    assert.deepEqual(
      [lines[0], lines[1], lines[3]],
      ['perplexity      dense    round 2', 'windows of 256         sent 5 MB', 'a                1.00       2.00'],
    )
  })

  it('leaves out models that were not run', () => {
    const rows = [
      { text: 'a', window: 256, dense: 1, isolated: null, rounds: [], l0: null, fedavg: null, pooledText: null },
    ]
    assert.equal(perplexityTable(rows, sites(2), []).split('\n')[0], 'perplexity      dense')
  })

  it('gives best, mean and worst of many sites', () => {
    const rows = [
      {
        text: 'a',
        window: 256,
        dense: 1,
        isolated: [1, 2, 3, 4, 5, 9],
        rounds: [],
        l0: null,
        fedavg: null,
        pooledText: null,
      },
    ]
    const lines = perplexityTable(rows, sites(6), []).split('\n')
    assert.equal(lines[1], 'windows of 256          best   mean  worst')
    assert.equal(lines[3], 'a                1.00   1.00   4.00   9.00')
  })

  it('is told in a sentence: what pruning costs alone and together, and where a site alone is better', () => {
    const row = { tokens: 1, windows: 1, window: 256, l0: null, fedavg: null, pooledText: null }
    const early = { ...row, text: 'early', dense: 18.77, isolated: [24.86, 28.76], rounds: [24.51], federated: 24.51 }
    const novel = { ...row, text: 'novel', dense: 37.73, isolated: [61.8, 50.74], rounds: [54.84], federated: 54.84 }
    assert.deepEqual(costInWords([early, novel], sites(2)), [
      'Pruning takes early from 18.77 to 26.81 at a site alone (the mean), and to 24.51 together; ' +
        'on novel the site s1 has 50.74 alone and 54.84 together.',
    ])
    assert.deepEqual(costInWords([{ ...early, isolated: null }], sites(2)), [])
  })
})
