import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Ledger } from '../../../peers/round/ledger.ts'

const list = [
  { block: 0, root: 'aa', bytes: 10 },
  { block: 2, root: 'bb', bytes: 20 },
]

/** Its clock moves by a second with each look. */
function ledger(): Ledger {
  let now = 0
  return new Ledger(() => (now += 1000))
}

describe('the ledger of contributions that have left', () => {
  it('has each contribution with the time at which its round was announced, and who fetched it', () => {
    const it = ledger()
    it.announced(1, list)
    it.served('bb', 'south', 100)
    it.served('bb', 'east', 100)
    it.served('bb', 'south', 100)
    it.announced(2, [{ block: 1, root: 'cc', bytes: 5 }])
    assert.deepEqual(it.contributions(), [
      { round: 1, block: 0, id: 'aa', bytes: 10, at: 1000, to: [] },
      { round: 1, block: 2, id: 'bb', bytes: 20, at: 1000, to: ['south', 'east'] },
      { round: 2, block: 1, id: 'cc', bytes: 5, at: 2000, to: [] },
    ])
  })

  it('does not change if a round is announced again', () => {
    const it = ledger()
    it.announced(1, list)
    it.announced(1, [{ block: 7, root: 'dd', bytes: 1 }])
    assert.deepEqual(
      it.contributions().map(({ id }) => id),
      ['aa', 'bb'],
    )
  })

  it('knows that the same bytes of a later round were fetched already', () => {
    const it = ledger()
    it.announced(1, list)
    it.served('aa', 'south', 100)
    it.announced(2, [{ block: 0, root: 'aa', bytes: 10 }])
    it.served('aa', 'east', 100)
    const same = it.contributions().filter(({ id }) => id === 'aa')
    assert.deepEqual(
      same.map(({ round, to }) => ({ round, to })),
      [1, 2].map((round) => ({ round, to: ['south', 'east'] })),
    )
  })

  it('does not grow with contributions of others that are passed on', () => {
    const it = ledger()
    it.announced(1, list)
    for (let k = 0; k < 1000; k++) it.served(`other ${k}`, 'south', 100)
    assert.equal(it.contributions().length, 2)
  })

  it('adds up the bytes of its own contributions, and those of all other blobs', () => {
    const it = ledger()
    it.announced(1, list)
    for (const member of ['south', 'east']) it.served('aa', member, 10)
    it.served('other', 'south', 7)
    assert.deepEqual(it.servedBytes, { own: 20, others: 7 })
  })

  it('hands out copies', () => {
    const it = ledger()
    it.announced(1, list)
    it.contributions()[0].to.push('nobody')
    assert.deepEqual(it.contributions()[0].to, [])
  })
})
