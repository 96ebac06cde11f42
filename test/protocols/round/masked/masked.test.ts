import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultsOf } from '../../../../protocols/plan/offer.ts'
import { leastOfList, listedOf, openingOf } from '../../../../protocols/round/masked/phases.ts'
import { SILENCE_TICKS, STALL_TICKS, STATUS_INTERVAL_MS } from '../../../../protocols/round/messages/constants.ts'
import type { Envelope } from '../../../../protocols/round/messages/messages.ts'
import {
  decodeValue,
  encodeValue,
  type ManifestEntry,
  type Value,
  valueHash,
} from '../../../../protocols/round/messages/value.ts'
import { revealSlot } from '../../../../src/merge/openings.ts'
import { Simulation, type SimulationOptions } from '../simulator.ts'
import { finish } from '../weather.ts'
import { certifiedIn, membersOf } from './certified.ts'
import { agreeInKeys, agreeWithCrash, crashes, PLAN } from './crashes.ts'

const METHODS = ['wanda', 'sparsegpt', 'llm-pruner'] as const
const SEEDS = 12
/** Moments of a federation's life at which somebody is killed. */
const POINTS = 12
/** Far longer than anybody waits. */
const NEVER_MS = 10 * STALL_TICKS * STATUS_INTERVAL_MS

/** The entries of the last certificate, its opened sums: who is in each. */
const openings = (simulation: Simulation): number[][] => {
  const { rounds } = simulation.federation
  return Array.from({ length: (rounds - 2) / 2 }, (_, o) => membersOf(simulation, 2 * o + 3))
}

/** A liar that proposes other values than the machine would. */
function lyingProposals(liar: number, change: (value: Value) => Value): NonNullable<SimulationOptions['twist']> {
  return (envelope: Envelope, _to, simulation) => {
    const { body, from } = envelope
    if (from !== liar || body.type !== 'proposal') return envelope
    const { blobs } = simulation.members[liar]
    const bytes = blobs.get(body.value)
    if (bytes === undefined || bytes === 'contribution') return envelope
    const changed = change(decodeValue(bytes))
    blobs.set(valueHash(changed), encodeValue(changed))
    return { ...envelope, body: { ...body, value: valueHash(changed) } }
  }
}

describe('a federation whose sums are masked', () => {
  for (const method of METHODS) {
    test(`shows keys and sheets, then a list and reveals for each opening: ${method}`, () => {
      const simulation = finish({ ...PLAN, masked: { method } })
      for (const { certificates } of simulation.members)
        for (const { attempt } of certificates.slice(1)) assert.equal(attempt, 0)
      assert.deepEqual(
        openings(simulation),
        openings(simulation).map(() => [0, 1, 2, 3]),
      )
      const last = certifiedIn(simulation, simulation.federation.rounds)
      const covered = new Set(last.entries.map(({ block }) => block % PLAN.blocks))
      assert.equal(covered.size, PLAN.blocks)
    })

    for (const members of [4, 7]) {
      test(`agrees in bad weather: ${method}, ${members} members, ${SEEDS} seeds`, () => {
        for (let seed = 0; seed < SEEDS; seed++) agreeInKeys(members, seed, { method })
      })

      test(`agrees whoever is killed, and comes back: ${method}, ${members} members`, () => {
        for (const { at, member } of crashes({ members, method }, POINTS))
          agreeWithCrash({ members, method, at, member })
      })
    }
  }

  test('opens nothing of a group that too few have come to, and goes on with the next', () => {
    const without = (member: number) => (member === 3 ? [1] : [])
    const simulation = finish({
      ...PLAN,
      masked: { method: 'wanda', without },
      withholds: (m, round) => m === 0 && round === 3,
    })
    assert.deepEqual(openings(simulation), [[], [0, 1, 2, 3]])
    assert.deepEqual(membersOf(simulation, 4), [])
    const { masked } = simulation.federation
    assert.ok(masked)
    for (const { signed } of simulation.members)
      for (const body of signed.values()) assert.ok(body.type !== 'commit' || body.round !== 4, 'something is revealed')
    const slots = certifiedIn(simulation, 6).entries.map(({ block }) => block)
    assert.ok(!slots.includes(0) && !slots.includes(revealSlot(masked, 1)) && slots.includes(2))
  })

  test('trains no adapters after a list of them that stayed empty', () => {
    let isSlow = () => false
    const simulation = finish(
      {
        ...{ ...PLAN, rounds: 4, masked: { method: 'llm-pruner' } },
        withholds: (member, round) => member === 0 && round === 7,
        fetchMs: ({ author, what }) => (what === 'contribution' && author === 3 && isSlow() ? NEVER_MS : 50),
      },
      ({ certified }) => {
        isSlow = () => certified.has(6) && !certified.has(7)
      },
    )
    assert.deepEqual(openings(simulation), [[0, 1, 2, 3], [0, 1, 2, 3], [], []])
  })

  test('ends while keys or sheets are missing, and names whose', () => {
    const simulation = new Simulation({
      ...PLAN,
      masked: { method: 'wanda' },
      withholds: (member, round) => member === 2 && round === 2,
    })
    simulation.run()
    for (const { exit } of simulation.members) {
      assert.equal(exit?.reason, 'noAgreement')
      assert.match(exit?.detail ?? '', /key sheets of all are needed: none came from member 2/)
    }
    assert.ok(simulation.now <= (SILENCE_TICKS + 3) * STATUS_INTERVAL_MS)
  })

  test('ends before anything is masked where a member finds its share of a sheet false', () => {
    const simulation = new Simulation({
      ...{ ...PLAN, masked: { method: 'wanda' } },
      invalid: (member, { block }) =>
        member === 3 && block === 5 ? 'the share of member 1 for member 3 is false' : null,
    })
    simulation.run()
    assert.equal(simulation.members[3].exit?.reason, 'cheated')
    assert.match(simulation.members[3].exit?.detail ?? '', /member 1 for member 3/)
    assert.ok(!simulation.certified.has(2))
  })

  test('certifies no list that a proposer makes of a victim and its friends', () => {
    for (const members of [4, 7]) {
      const few = faultsOf(members) + 1
      const simulation = finish(
        { ...PLAN, members, masked: { method: 'sparsegpt' }, twist: lyingProposals(2, onlyOf(few)) },
        undefined,
        [2],
      )
      for (const list of openings(simulation)) assert.ok(list.length >= leastOfList(members, members), `${list}`)
    }
  })

  test('certifies no list without a member whose vectors are there, and no wider second list', () => {
    const leaveOut = (value: Value): Value => ({
      ...value,
      entries: value.entries.filter(({ member, round }) => member !== 1 || round !== value.round || round % 2 === 0),
    })
    // Four of seven are enough for any other rule.
    for (const members of [4, 7]) {
      const simulation = finish(
        { ...PLAN, members, masked: { method: 'sparsegpt' }, twist: lyingProposals(2, leaveOut) },
        undefined,
        [2],
      )
      for (const list of openings(simulation)) assert.ok(list.includes(1), `${list}`)
      assert.ok(simulation.members[0].notes.some((text) => /leaves out member 1/.test(text)))
    }
    const away = finish({
      ...{ ...PLAN, members: 7, masked: { method: 'sparsegpt' } },
      withholds: (member, round) => member === 4 && round === 3,
    })
    assert.deepEqual(openings(away), [
      [0, 1, 2, 3, 5, 6],
      [0, 1, 2, 3, 5, 6],
      [0, 1, 2, 3, 4, 5, 6],
      [0, 1, 2, 3, 4, 5, 6],
    ])
  })

  test('needs the reveals of a quorum, also of those who are not in the list, and not more', () => {
    const simulation = finish({
      ...PLAN,
      masked: { method: 'wanda' },
      withholds: (member, round) => member === 1 && round === 4,
    })
    assert.deepEqual(
      membersOf(simulation, 4).filter((member) => member !== 1),
      [0, 2, 3],
    )
    const outside = (member: number) => (member === 3 ? [1] : [])
    const sparse = finish({
      ...{ ...PLAN, masked: { method: 'wanda', without: outside } },
      withholds: (member, round) => member === 0 && round === 4,
    })
    assert.deepEqual(membersOf(sparse, 4), [1, 2, 3])
  })

  test('ends with the reason where the sum of a list cannot be one of honest members', () => {
    const simulation = new Simulation({
      ...PLAN,
      masked: { method: 'wanda' },
      unmergeable: (round) => (round === 4 ? 'too large' : null),
    })
    simulation.run()
    for (const { exit } of simulation.members) assert.equal(exit?.reason, 'cheated')
    assert.ok(!simulation.certified.has(4))
  })

  test('gives up after three proposers where the sum is in doubt everywhere', () => {
    const simulation = new Simulation({ ...PLAN, masked: { method: 'wanda' }, doubt: () => 'below its own part' })
    simulation.run()
    for (const { exit } of simulation.members) assert.equal(exit?.reason, 'cheated')
  })

  test('says the members of a list by the entries of its own round alone', () => {
    const { federation } = new Simulation({ ...PLAN, masked: { method: 'llm-pruner' }, rounds: 3 })
    const entry = (member: number, block: number): ManifestEntry => ({ member, block, round: 5, root: 'a' })
    assert.equal(openingOf(5), 2)
    assert.deepEqual(listedOf(federation, 2, entry), [0, 1, 2, 3])
    assert.deepEqual(listedOf(federation, 1, entry), [])
  })
})

/** In each list the first so many members alone. */
function onlyOf(count: number): (value: Value) => Value {
  return (value) => ({
    ...value,
    entries: value.entries.filter(({ member, round }) => member < count || round !== value.round || round % 2 === 0),
  })
}
