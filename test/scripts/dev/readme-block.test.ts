import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { differences, endOfRun, recordedRun, withRun } from '../../../scripts/dev/readme-block.ts'

const ROOT = 'ab'.repeat(32)
const FEDERATION = 'cd'.repeat(32)
const LINES = [
  'perplexity  dense  round 1',
  'on                   13 MB',
  '--------------------------',
  'early       18.77    25.42',
  '',
  `All 4 sites hold the same model: ${ROOT}`,
  '1,415,598 of 2,359,296 weights of the layers are zero (60.001 %).',
  'A site sent 2.2 MB of contributions, and 6.7 MB in all.',
  '2 rounds in 1 min 06 s, all comparisons included.',
  'Model: coppice-out/cdcdcdcd/model',
  `Federation ${FEDERATION}`,
]
const with_ = (at: number, line: string) => LINES.with(at, line)

describe('the block of README that shows the default run', () => {
  it('is written with the machine that computed it, and read again', () => {
    const run = { processor: 'Fast CPU', arithmetic: '0123456789abcdef', lines: LINES }
    const before =
      'Text.\n\nIt ends so (paths shortened; recorded on Old CPU, whose arithmetic has the mark ffffffffffffffff):\n\n```\nold\n```\nMore.\n'
    const after = withRun(before, run)
    assert.deepEqual(recordedRun(after), run)
    assert.match(after, /^Text\.\n[\s\S]*\nMore\.\n$/)
  })

  it('refuses a README without it', () => assert.throws(() => recordedRun('Text.'), /It ends so/))

  it('begins with the last table and shortens paths', () => {
    const stdout = `The plan.\nperplexity old\n${LINES.join('\n').replace('coppice-out/cdcdcdcd', '/tmp/x')}\n`
    assert.deepEqual(endOfRun(stdout, '/tmp/x'), LINES)
  })
})

describe('a run beside the recorded one', () => {
  const same = [
    { what: 'another duration', now: with_(8, '2 rounds in 9.3 s, all comparisons included.') },
    { what: 'a perplexity within a percent, and the table wider for it', now: with_(3, 'early        18.90    25.20') },
    {
      what: 'a byte in a hundred more at sockets',
      now: with_(7, 'A site sent 2.2 MB of contributions, and 6.8 MB in all.'),
    },
    { what: 'a megabyte more in the head', now: with_(1, 'on                   14 MB') },
    { what: 'a wider rule', now: with_(2, '----------------------------') },
  ]
  for (const { what, now } of same) {
    it(`may have ${what}`, () => assert.deepEqual(differences(LINES, now, true), []))
  }

  const other = [
    { what: 'other words', now: with_(8, '2 rounds in 1 min 06 s.') },
    { what: 'other zeros', now: with_(6, '1,415,599 of 2,359,296 weights of the layers are zero (60.001 %).') },
    { what: 'other bytes of contributions', now: with_(7, 'A site sent 2.3 MB of contributions, and 6.7 MB in all.') },
    { what: 'twice the bytes', now: with_(1, 'on                   26 MB') },
    { what: 'a perplexity two percent off', now: with_(3, 'early       19.15    25.42') },
    { what: 'another federation', now: with_(10, `Federation ${'ce'.repeat(32)}`) },
    { what: 'another root', now: with_(5, `All 4 sites hold the same model: ${'ac'.repeat(32)}`) },
    { what: 'a line more', now: [...LINES, ''] },
  ]
  for (const { what, now } of other) {
    it(`may not have ${what}`, () => assert.equal(differences(LINES, now, true).length, 1))
  }

  it('may have another root where the machine computes other bits', () => {
    assert.deepEqual(differences(LINES, with_(5, `All 4 sites hold the same model: ${'ac'.repeat(32)}`), false), [])
  })
})
