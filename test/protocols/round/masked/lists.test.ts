import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listRound } from '../../../../protocols/round/masked/phases.ts'
import { MIN_WAIT_MS, STALL_TICKS, STATUS_INTERVAL_MS } from '../../../../protocols/round/messages/constants.ts'
import type { Envelope } from '../../../../protocols/round/messages/messages.ts'
import type { EffectOf } from '../../../../protocols/round/types.ts'
import type { SimulationOptions } from '../simulator.ts'
import { finish } from '../weather.ts'
import { hashName } from '../world.ts'
import { certifiedIn, membersOf } from './certified.ts'
import { PLAN } from './crashes.ts'

const LIST = listRound(1)
const REVEALS = LIST + 1
const METHODS = ['wanda', 'sparsegpt', 'llm-pruner'] as const

/** Shows one member another commit of a round than all others. */
function twoCommits(liar: number, round: number): NonNullable<SimulationOptions['twist']> {
  return (envelope: Envelope, to) => {
    const { body, from } = envelope
    if (from !== liar || to !== (liar + 1) % 4 || body.type !== 'commit' || body.round !== round) return envelope
    return { ...envelope, body: { ...body, root: hashName('another') } }
  }
}

describe('a certified list', () => {
  for (const method of METHODS) {
    it(`keeps a member that is convicted afterwards in the sum, and needs nothing of it: ${method}`, () => {
      const pruneMs = (member: number, round: number) => (round === REVEALS && member !== 2 ? 5000 : 1000)
      const options = { ...PLAN, masked: { method }, twist: twoCommits(2, REVEALS), pruneMs }
      const simulation = finish(options, undefined, [2])
      assert.deepEqual(membersOf(simulation, LIST), [0, 1, 2, 3])
      assert.deepEqual(membersOf(simulation, REVEALS), [0, 1, 3])
      assert.deepEqual(certifiedIn(simulation, REVEALS).excluded, [2])
      assert.ok(simulation.sums !== null && simulation.sums.opened > 0)
    })

    it(`is opened by the shares of members that are not in it, where others reveal nothing: ${method}`, () => {
      const simulation = finish({
        ...{ ...PLAN, masked: { method } },
        withholds: (member, round) => (member === 3 && round === LIST) || (member === 0 && round === REVEALS),
      })
      assert.deepEqual(membersOf(simulation, LIST), [0, 1, 2])
      assert.deepEqual(membersOf(simulation, REVEALS), [1, 2, 3])
    })
  }

  it('of fewer than a quorum, where so few take on the group, is opened by a quorum of all', () => {
    const simulation = finish({
      ...{ ...PLAN, members: 7, masked: { method: 'wanda', without: (member) => (member > 3 ? [1] : []) } },
      withholds: (member, round) => member < 2 && round === REVEALS,
    })
    assert.deepEqual(membersOf(simulation, LIST), [0, 1, 2, 3])
    assert.deepEqual(membersOf(simulation, REVEALS), [2, 3, 4, 5, 6])
  })

  it('waits for vectors that are committed and on slow links, long after its wait is over', () => {
    for (const method of METHODS) {
      const fetchMs = ({ what }: { what: string }) => (what === 'contribution' ? 10 * MIN_WAIT_MS : 50)
      const simulation = finish({ ...PLAN, masked: { method }, fetchMs })
      assert.deepEqual(membersOf(simulation, LIST), [0, 1, 2, 3], method)
      assert.ok(simulation.sums !== null && simulation.sums.opened > 0)
    }
  })

  it('is empty in the end where vectors are committed and never come', () => {
    const withholds = (member: number, round: number) => member === 0 && round === LIST
    const fetchMs = (fetch: EffectOf<'fetch'>) => {
      const isVector = fetch.what === 'contribution' && fetch.block === 0
      return isVector && fetch.author === 3 ? 10 * STALL_TICKS * STATUS_INTERVAL_MS : 50
    }
    const simulation = finish({ ...PLAN, masked: { method: 'wanda' }, withholds, fetchMs })
    assert.deepEqual(membersOf(simulation, LIST), [])
  })

  it('of too few is empty: nobody makes a reveal, and the next group is opened', () => {
    for (const [members, away] of [
      [4, 1],
      [7, 2],
    ]) {
      const simulation = finish({
        ...{
          ...PLAN,
          members,
          masked: { method: 'wanda', without: (member) => (member >= members - away ? [1] : []) },
        },
        withholds: (member, round) => member < away && round === LIST,
      })
      assert.deepEqual(membersOf(simulation, LIST), [])
      assert.deepEqual(
        [1, 2].map((opening) => (simulation.sums?.revealed(opening) ?? 0) > 0),
        [false, true],
      )
    }
  })
})
