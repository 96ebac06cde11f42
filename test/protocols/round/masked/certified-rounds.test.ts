import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { closedOpenings } from '../../../../protocols/round/masked/sums.ts'
import { type CertifiedRound, certifiedRound } from '../../../../protocols/round/messages/certified-round.ts'
import type { SimulationOptions } from '../simulator.ts'
import { finish } from '../weather.ts'
import { PLAN } from './crashes.ts'

/** All rounds of a federation, as its certificates tell of them. */
function roundsOf(options: Partial<SimulationOptions>): CertifiedRound[] {
  const { federation, members } = finish({ ...PLAN, ...options })
  const [{ certificates }] = members
  return certificates.slice(1).map(({ value }) => certifiedRound(federation, PLAN.blocks, { id: 'an id', value }))
}

const told = (rounds: readonly CertifiedRound[]) =>
  rounds.map(({ contributions, masked, uncovered }) => {
    const { blocks, members, opening, phase } = masked ?? assert.fail()
    return [phase, opening, blocks.join(), members.length, contributions, uncovered.join()]
  })

describe('a certified round of a masked plan', () => {
  test('tells of keys, sheets, lists and reveals; only vectors are contributions, and only opened blocks covered', () => {
    assert.deepEqual(told(roundsOf({ masked: { method: 'wanda' } })), [
      ['keys', null, '', 4, 0, '0,1,2,3'],
      ['sheets', null, '', 4, 0, '0,1,2,3'],
      ['list', 1, '0,1', 4, 8, '0,1,2,3'],
      ['reveal', 1, '0,1', 4, 8, '2,3'],
      ['list', 2, '2,3', 4, 16, '2,3'],
      ['reveal', 2, '2,3', 4, 16, ''],
    ])
  })

  test('leaves blocks uncovered until their products are opened, and those of adapters covered', () => {
    const moments = roundsOf({ masked: { method: 'sparsegpt' } })
    assert.deepEqual(
      moments.map(({ uncovered }) => uncovered.length),
      [4, 4, 4, 4, 4, 2, 2, 2, 2, 0],
    )
    const trained = roundsOf({ rounds: 3, masked: { method: 'llm-pruner' } })
    assert.deepEqual(
      trained.map(({ contributions, uncovered }) => [contributions, uncovered.length]),
      // Adapters of the third opening replace those of the second, once they are opened.
      [0, 0, 16, 16, 32, 32, 48, 32].map((count, at) => [count, at < 3 ? 4 : 0]),
    )
  })

  test('has no members where too few have come to a list, and leaves its blocks uncovered', () => {
    const without = (member: number) => (member === 3 ? [1] : [])
    const rounds = roundsOf({
      masked: { method: 'wanda', without },
      withholds: (member, round) => member === 0 && round === 3,
    })
    assert.deepEqual(told(rounds).slice(2), [
      ['list', 1, '0,1', 0, 0, '0,1,2,3'],
      ['reveal', 1, '0,1', 0, 0, '0,1,2,3'],
      ['list', 2, '2,3', 4, 8, '0,1,2,3'],
      ['reveal', 2, '2,3', 4, 8, '0,1'],
    ])
  })

  test('tells which sums so far are never opened, but not of adapters that others have replaced', () => {
    const closedIn = (options: Partial<SimulationOptions>) => {
      const { federation, members } = finish({ ...PLAN, ...options })
      const values = members[0].certificates.slice(1).map(({ value }) => value)
      return values.map((value) =>
        closedOpenings(federation, PLAN.blocks, value)
          .map(({ opening }) => opening)
          .join(),
      )
    }
    const without = (member: number) => (member === 3 ? [1] : [])
    const withholds = (member: number, round: number) => member === 0 && round === 3
    assert.deepEqual(closedIn({ masked: { method: 'wanda', without }, withholds }), ['', '', '1', '1', '1', '1'])
    assert.deepEqual(
      closedIn({ rounds: 3, masked: { method: 'llm-pruner' } }),
      Array.from({ length: 8 }, () => ''),
    )
  })

  test('of an open plan has nothing to say', () => {
    for (const { masked, contributions } of roundsOf({ masked: undefined })) {
      assert.equal(masked, null)
      assert.equal(contributions, PLAN.members * PLAN.blocks)
    }
    // Blocks that are offered in two parts have base weights until the second one.
    const pooled = roundsOf({ pooled: {} })
    assert.deepEqual(
      pooled.map(({ uncovered }) => uncovered.join()),
      ['0,1,2,3', '2,3', '2,3', ''],
    )
  })
})
