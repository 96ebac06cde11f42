import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MIN_WAIT_MS } from '../../../protocols/round/messages/constants.ts'
import type { Federation, ManifestEntry } from '../../../protocols/round/messages/value.ts'
import { contributorsNeeded, openSlots, valueFault } from '../../../protocols/round/messages/value.ts'
import type { Simulation, SimulationOptions } from './simulator.ts'
import { agreeInBadWeather, finish } from './weather.ts'
import { hashName, makeFederation } from './world.ts'

/** Two groups of two blocks, so four rounds: mean squares and products of each. */
const POOLED: SimulationOptions = { members: 4, blocks: 4, rounds: 2, seed: 1, pooled: {} }
const SEEDS = 30

const entriesOf = (simulation: Simulation, round: number): ManifestEntry[] => {
  const holder = simulation.members.find(({ certificates }) => certificates[round] !== undefined)
  assert.ok(holder, `no certificate of round ${round}`)
  return holder.certificates[round].value.entries
}

/** The members with entries of a round, and the slots that they name. */
const offered = (simulation: Simulation, round: number) => {
  const fresh = entriesOf(simulation, round).filter((entry) => entry.round === round)
  const unique = (of: number[]) => [...new Set(of)].sort((a, b) => a - b)
  return { members: unique(fresh.map(({ member }) => member)), slots: unique(fresh.map(({ block }) => block)) }
}

describe('a federation that pools', () => {
  test('offers each block once, mean squares first, and all its rounds end in the first attempt', () => {
    const simulation = finish(POOLED)
    assert.deepEqual(
      [1, 2, 3, 4].map((round) => offered(simulation, round).slots),
      [
        [0, 1],
        [4, 5],
        [2, 3],
        [6, 7],
      ],
    )
    for (const round of [1, 2, 3, 4]) {
      assert.deepEqual(offered(simulation, round).members, [0, 1, 2, 3])
      assert.ok(simulation.members.every(({ certificates }) => certificates[round].attempt === 0))
    }
  })

  test('takes nothing of a group whose round is over, and the products of nobody whose mean squares it lacks', () => {
    const slow = (member: number, round: number) => (member === 3 && round === 1 ? 3 * MIN_WAIT_MS : 1000)
    const simulation = finish({ ...POOLED, pruneMs: slow })
    assert.deepEqual(
      [1, 2, 3, 4].map((round) => offered(simulation, round).members),
      [
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
    )
    for (let round = 1; round <= 4; round++)
      assert.ok(entriesOf(simulation, round).every((entry) => entry.member < 3 || entry.round > 2))
  })

  test('waits for nobody who has no blocks in a group, and needs as many as the faulty ones leave', () => {
    const simulation = finish({ ...POOLED, pooled: { without: (member) => (member === 0 ? [1] : []) } })
    assert.deepEqual(offered(simulation, 1).members, [1, 2, 3])
    assert.deepEqual(offered(simulation, 3).members, [0, 1, 2, 3])
    assert.ok(simulation.now < MIN_WAIT_MS, `takes ${simulation.now} ms`)
  })

  test('goes on without a member that stops between the two parts', () => {
    const simulation = finish({ ...POOLED, members: 4 }, (world) => {
      world.at(1500, () => world.restart(2, 1e9))
    })
    assert.deepEqual(offered(simulation, 4).members, [0, 1, 3])
  })

  test('keeps what an equivocating member has offered before, and takes nothing new of it', () => {
    const federation = makeFederation({ ...POOLED })
    const entry = (member: number, block: number, round: number): ManifestEntry => {
      return { member, block, round, root: hashName('contribution', member, block, round) }
    }
    const first = [0, 1, 2, 3].flatMap((member) => [entry(member, 0, 1), entry(member, 1, 1)])
    const before = aValue(federation, 1, null, first)
    assert.equal(valueFault(federation, null, before), null)
    const last = { id: hashName('last'), value: before }
    const byPlace = (a: ManifestEntry, b: ManifestEntry) => a.member - b.member || a.block - b.block
    const next = (entries: ManifestEntry[], excluded: number[] = []) => {
      const value = { ...aValue(federation, 2, last.id, [...entries].sort(byPlace)), excluded }
      return valueFault(federation, last, value)
    }
    const products = (...members: number[]) => members.flatMap((member) => [entry(member, 4, 2), entry(member, 5, 2)])
    assert.equal(next([...first, ...products(0, 1, 2)], [3]), null)
    assert.match(next([...first.slice(0, 6), ...products(0, 1, 2)], [3]) ?? '', /lost/)
    assert.match(next([...first, ...products(0, 1, 2, 3)], [3]) ?? '', /excluded/)
    assert.match(next([...first, ...products(0, 1)]) ?? '', /2 members have entries of this round, 3 are needed/)
    assert.match(next([...first, ...products(0, 1, 2), entry(3, 4, 1)]) ?? '', /round is over|not in its arc/)
  })

  test('takes a second part only after the first, and counts whom it can still have', () => {
    const federation = makeFederation({ ...POOLED, members: 7 })
    const certified = (members: number[]) => (place: number) => {
      const member = Math.floor(place / 1024)
      const block = place % 1024
      return members.includes(member) ? { member, block, round: 1, root: hashName('first') } : undefined
    }
    assert.deepEqual(openSlots(federation, 0, 2, certified([1])), [])
    assert.deepEqual(openSlots(federation, 1, 2, certified([1])), [4, 5])
    assert.equal(
      contributorsNeeded(federation, 1, () => undefined),
      5,
    )
    assert.equal(contributorsNeeded(federation, 2, certified([0, 1, 2, 3, 4])), 3)
  })

  for (const members of [4, 7]) {
    test(`of ${members} agrees over ${SEEDS} seeds of loss, delay, duplication and as many silent as may be`, () => {
      for (let seed = 0; seed < SEEDS; seed++) agreeInBadWeather(members, seed, { pooled: {} })
    })
  }
})

function aValue(federation: Federation, round: number, previous: string | null, entries: ManifestEntry[]) {
  const result = { merged: hashName('merged', round), moved: 0, bits: 1000 }
  return { plan: federation.id, round, previous, excluded: [], entries, ...result }
}
