import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newsOf } from '../../../peers/round/news.ts'
import { Timeline } from '../../../peers/round/timeline.ts'
import type { Envelope, Proposal } from '../../../protocols/round/messages/messages.ts'

/** Its clock moves by a second with each event. */
function timeline(): Timeline {
  let now = 0
  return new Timeline(() => (now += 1000))
}

const step = (round: number) => ({ type: 'step', round, attempt: 0, step: 'collect' }) as const

describe('the timeline of the rounds', () => {
  it('has for each round when members were first heard, what they offer, who proposed, and the end', () => {
    const it = timeline()
    it.hear(step(1)) // 1 s
    it.hear({ type: 'prune', round: 1, done: 0, total: 2 })
    it.hear({ type: 'prune', round: 1, done: 2, total: 2 })
    it.hear({ type: 'sent', round: 1, member: 2 }) // 4 s
    it.hear({ type: 'offers', round: 1, member: 2, bytes: 70 })
    it.hear({ type: 'sent', round: 1, member: 2 })
    it.hear({ type: 'sent', round: 1, member: 0 }) // 7 s
    it.hear({ type: 'proposed', round: 1, member: 1, attempt: 0 })
    it.hear({ type: 'round', round: { round: 1 } }) // 9 s
    it.hear(step(2)) // 10 s
    assert.deepEqual(it.rounds(), [
      {
        round: 1,
        began: 1000,
        worked: { from: 2000, to: 3000 },
        sent: [
          { member: 2, at: 4000, bytes: 70 },
          { member: 0, at: 7000, bytes: null },
        ],
        proposed: [{ member: 1, attempt: 0, at: 8000 }],
        ended: 9000,
      },
      { round: 2, began: 10_000, worked: null, sent: [], proposed: [], ended: null },
    ])
  })

  it('hands out copies', () => {
    const it = timeline()
    it.hear({ type: 'sent', round: 1, member: 0 })
    it.rounds()[0].sent.length = 0
    assert.equal(it.rounds()[0].sent.length, 1)
  })
})

describe('the news between two states of a round', () => {
  const commit = {} as Envelope
  const proposal = { from: 3 } as Envelope<Proposal>
  const record = { proposal: null, prevotes: [], precommits: [] }
  const state = { round: 2, commits: {}, lists: {}, attempts: [] }
  const list = [
    { block: 0, root: 'aa', bytes: 30 },
    { block: 1, root: 'bb', bytes: 12 },
  ]

  it('are commits, lists and proposals that were not there before', () => {
    const before = { ...state, commits: { 1: { 1: [commit] } }, lists: { '1/1/aa': list } }
    const after = {
      ...before,
      commits: { ...before.commits, 1: { 1: [commit, commit], 2: [commit] } },
      lists: { ...before.lists, '1/2/bb': list, '0/2/cc': 'fetching' as const },
      attempts: [{ ...record, proposal }],
    }
    assert.deepEqual(newsOf(before, after), [
      { type: 'sent', member: 1, round: 2 },
      { type: 'offers', member: 1, round: 2, bytes: 42 },
      { type: 'proposed', member: 3, round: 2, attempt: 0 },
    ])
  })

  it('are none where nothing came, and a proposal of another round is new again', () => {
    const before = { ...state, attempts: [{ ...record, proposal }] }
    assert.deepEqual(newsOf(before, { ...before, attempts: [...before.attempts, record] }), [])
    assert.equal(newsOf(before, { ...before, round: 3, attempts: [{ ...record, proposal }] }).length, 1)
  })

  it('are none of what is forgotten', () => {
    const before = { ...state, commits: { 1: { 1: [commit], 2: [commit] } }, lists: { '1/1/aa': list } }
    assert.deepEqual(newsOf(before, { ...before, commits: { 1: { 2: [commit] } }, lists: {} }), [])
  })
})
