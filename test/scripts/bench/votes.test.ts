/** The bench of liars says of a lie who stops it, and where. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { stoppedBy } from '../../../scripts/bench/support/lies/votes.ts'

const VOTING = { limit: 1.5, quorum: 3, members: 4 }
const HARMLESS = { impossible: null, doubts: [null, null, null], harms: [1, 1.1, 0.9] }

it('is stopped by two of three honest sites, since the liar votes yes', () => {
  const one = { ...HARMLESS, harms: [1.6, 1, 1] }
  const two = { ...HARMLESS, harms: [1.6, 1.51, 1] }
  assert.equal(stoppedBy([HARMLESS, one], VOTING), null)
  assert.equal(stoppedBy([HARMLESS, two], VOTING), '2 of 3 vote no')
})

it('is stopped by the doubt of one and the harm to another, or by a total that cannot be', () => {
  const doubted = { ...HARMLESS, doubts: ['less than its own', null, null], harms: [1, 2, 1] }
  const impossible = { ...HARMLESS, impossible: 'beyond' }
  assert.equal(stoppedBy([doubted, impossible], VOTING), 'doubted by 1 of 3')
  assert.equal(stoppedBy([{ ...doubted, harms: [1, 1, 1] }, impossible], VOTING), 'impossible total: beyond')
})
