import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { siteReport, siteReportInWords } from '../../../scripts/report/site-report.ts'

const [NORTH, SOUTH] = ['12D3KooWAAAAAAAA', '12D3KooWBBBBBBBB']
const at = Date.UTC(2026, 10, 27, 16, 13, 11, 500)
const contribution = { round: 1, block: 0, id: '5dcd18a4'.repeat(8), bytes: 52_440, at, to: [SOUTH] }
const result = {
  peerId: NORTH,
  served: { own: 52_540, others: 1000 },
  times: [],
  members: [
    { site: 'north', peerId: NORTH },
    { site: 'south', peerId: SOUTH },
  ],
  contributions: [contribution, { ...contribution, block: 1, bytes: 100, to: [] }],
  traffic: { sentBytes: 278_000, receivedBytes: 276_000 },
  rounds: [
    { round: 1, certificate: 'ab'.repeat(32), contributions: 4, uncovered: [], moved: 1, bits: 4, masked: null },
  ],
  refused: [],
  goesOn: false,
}
const text = { text: 'your text kept out', tokens: 63, windows: 1, window: 64, base: 4.8, alone: 5.9, together: 5.4 }
const measures = { perplexity: [text], seconds: 65, peakMemoryBytes: 4.1e8, notes: [] }

describe('the report of a site', () => {
  it('has each contribution that left, with time, size, hash and receivers, and their names', () => {
    const { members, left, seconds } = siteReport(result, measures)
    assert.deepEqual(members[1], { name: 'south', peer: SOUTH })
    assert.deepEqual(left.contributions[0], {
      ...{ round: 1, block: 0, time: '2026-11-27T16:13:11.500Z', bytes: 52_440, hash: contribution.id, to: [SOUTH] },
    })
    assert.deepEqual([left.payloadBytes, left.sentBytes, left.receivedBytes, seconds], [52_540, 278_000, 276_000, 65])
  })

  it('answers in words whether joining was worth it, and which contributions left', () => {
    const lines = siteReportInWords(siteReport(result, measures), [])
    assert.equal(
      lines[0],
      'perplexity on your text kept out: base 4.80, alone 5.90, together 5.40 (lower is better; 1 window of 64)',
    )
    assert.ok(
      lines.includes(
        '  round 1, block 0, 5dcd18a4, 2026-11-27 16:13:11 UTC, 52 kB: fetched by south (12D3KooWBBBBBBBB...)',
      ),
    )
    assert.ok(lines.includes('  round 1, block 1, 5dcd18a4, 2026-11-27 16:13:11 UTC, 100 B: fetched by nobody'))
    assert.match(lines.at(-1) ?? '', /^53 kB of contributions; 278 kB sent and 276 kB received in all, in 1 min 05 s/)
  })

  it('leaves alone away where it is not known, and says why nothing was measured', () => {
    const unknown = siteReportInWords(siteReport(result, { ...measures, perplexity: [{ ...text, alone: null }] }), [])
    assert.match(unknown[0], /: base 4\.80, together 5\.40 \(/)
    const [first] = siteReportInWords(siteReport(result, { ...measures, perplexity: null }), ['Nothing was measured.'])
    assert.equal(first, 'Nothing was measured.')
  })

  it('has a line a round where contributions would fill more than a screen', () => {
    const many = [1, 2].flatMap((round) =>
      Array.from({ length: 30 }, (_, block) => ({
        ...contribution,
        round,
        block,
        to: block === 3 ? [NORTH] : [SOUTH],
      })),
    )
    const lines = siteReportInWords(siteReport({ ...result, contributions: many }, measures), [])
    const listed = lines.filter((line) => line.startsWith('  round'))
    assert.equal(listed.length, 2)
    assert.match(
      listed[1],
      /^ {2}round 2, 30 blocks, .+, 1\.6 MB: fetched by south \(12D3KooWBBBBBBBB\.\.\.\), north \(12D3KooWAAAAAAAA\.\.\.\)$/,
    )
    assert.ok(lines.some((line) => line.includes('report.json')))
  })

  it('has every round, and says that its list begins with this process where an earlier one took part', () => {
    const rounds = [1, 2].map((round) => ({ ...result.rounds[0], round }))
    const report = siteReport({ ...result, rounds, goesOn: true }, measures)
    assert.equal(report.left.whole, false)
    assert.deepEqual(report.rounds[1], { round: 2, contributions: 4, uncovered: [], maskChange: 0.25 })
    const says = /begin with this process: what an earlier one of this site sent is not in them; .* of all 2 rounds\.$/
    assert.equal(siteReportInWords(report, []).filter((line) => says.test(line)).length, 1)
    assert.ok(!siteReportInWords(siteReport(result, measures), []).some((line) => says.test(line)))
  })

  it('of a masked plan says in which phase each round was, and that only sums can be read', () => {
    const [first] = result.rounds
    const masked = { phase: 'list' as const, opening: 1, blocks: [0, 1], members: [0, 1, 3] }
    const report = siteReport({ ...result, rounds: [{ ...first, masked }] }, measures)
    assert.deepEqual(report.rounds, [
      { round: 1, contributions: 4, uncovered: [], maskChange: 0.25, phase: 'list', opening: 1, sites: 3 },
    ])
    const says = (line: string) => line.startsWith('All of them are masked: others can read the sums alone.')
    assert.equal(siteReportInWords(report, []).filter(says).length, 1)
    assert.equal(siteReportInWords(siteReport(result, measures), []).filter(says).length, 0)
  })

  it('has one sentence on messages that were not taken in, and none where there were none', () => {
    const refused = [
      { peer: SOUTH, rejected: 1, excess: 300 },
      { peer: null, rejected: 2, excess: 0 },
    ]
    const lines = siteReportInWords(siteReport({ ...result, refused }, measures), [])
    assert.deepEqual(
      lines.filter((line) => line.startsWith('Not taken in')),
      [
        'Not taken in: 3 malformed or forged messages, and 300 beyond what a member may send, of south (12D3KooWBBBBBBBB...).',
      ],
    )
    assert.ok(!siteReportInWords(siteReport(result, measures), []).some((line) => line.startsWith('Not taken in')))
  })

  it('says that nothing left where nothing did', () => {
    const lines = siteReportInWords(siteReport({ ...result, contributions: [] }, measures), [])
    assert.ok(lines.includes('No contribution has left this site.'))
  })
})
