import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  MIN_WAIT_MS,
  SILENCE_TICKS,
  STATUS_INTERVAL_MS,
  STEP_TIMEOUT_MS,
  SUSPENSION_ROUNDS,
} from '../../../protocols/round/messages/constants.ts'
import type { Envelope, Hash } from '../../../protocols/round/messages/messages.ts'
import {
  decodeValue,
  encodeCommitList,
  encodeValue,
  type ManifestEntry,
  type Value,
} from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId } from '../../../protocols/wire/hash.ts'
import { Simulation, type SimulationOptions } from './simulator.ts'
import { agreeInBadWeather, agreeLate, agreeWithRestarts, finish, PLAIN } from './weather.ts'
import { commitList, hashName, listRoot, mergeOf, random, unsigned } from './world.ts'

/** The certified value of a round, as some member keeps it. */
function certifiedValue(simulation: Simulation, round: number) {
  const found = simulation.members.find(({ certificates }) => certificates[round] !== undefined)
  assert.ok(found, `no certificate of round ${round}`)
  return found.certificates[round].value
}

function contributors(simulation: Simulation, round: number): number[] {
  return [...new Set(certifiedValue(simulation, round).entries.map(({ member }) => member))]
}

/** More of them are in simulation.soak.ts. */
const SEEDS = 100

for (const members of [4, 7]) {
  test(`${members} members agree over ${SEEDS} seeds of loss, delay, duplication and as many silent as may be`, () => {
    for (let seed = 0; seed < SEEDS; seed++) agreeInBadWeather(members, seed)
  })
}

test('proposers who see different contributions, while most votes are late, certify one value', () => {
  let attempts = 0
  for (let seed = 0; seed < SEEDS; seed++) attempts += agreeLate(seed)
  assert.ok(attempts > SEEDS, `the storm costs only ${attempts} attempts`)
})

describe('a federation', () => {
  test('without faults includes everybody and ends all rounds in the first attempt', () => {
    const simulation = finish(PLAIN)
    for (const round of [1, 2]) {
      assert.deepEqual(contributors(simulation, round), [0, 1, 2, 3])
      assert.ok(simulation.members.every(({ certificates }) => certificates[round].attempt === 0))
    }
    assert.ok(simulation.now < 10_000, `takes ${simulation.now} ms`)
  })

  test('ends with the same certificates whatever the order of delivery', () => {
    const ids = new Set<Hash>()
    for (let seed = 0; seed < 50; seed++) {
      const simulation = finish({ ...PLAIN, seed, duplicate: 0.3, delayMs: [1, 5000] })
      ids.add([...simulation.certified.values()].join())
    }
    assert.equal(ids.size, 1)
  })

  test('of two or three needs all of them', () => {
    for (const members of [2, 3]) {
      finish({ ...PLAIN, members })
      const simulation = new Simulation({ ...PLAIN, members, silent: [1] }).run()
      assert.equal(simulation.members[0].exit?.reason, 'noAgreement', `members ${members}`)
    }
  })

  test('takes a contribution that misses its round into the next', () => {
    const late = { pruneMs: (member: number, round: number) => (member < 3 ? 1000 : 40_000 * round) }
    const simulation = finish({ ...PLAIN, ...late, rounds: 3 })
    assert.deepEqual(contributors(simulation, 1), [0, 1, 2])
    const entries = certifiedValue(simulation, 2).entries.filter(({ member }) => member === 3)
    assert.deepEqual(
      entries.map(({ round }) => round),
      [1, 1, 1],
    )
  })

  test('stops after the round that moves less than --until-change', () => {
    // A round that every member spends on the same blocks moves all of them; here round 4 is the last by rounds.
    const never = finish({ ...PLAIN, rounds: 4, untilChange: 50_000 })
    assert.equal(never.certified.size, 4)
    const soon = finish({ ...PLAIN, rounds: 4, untilChange: 150_000 })
    assert.equal(soon.certified.size, 2)
  })

  test('gets by with a silent proposer: the next attempt has another', () => {
    const simulation = finish({ ...PLAIN, silent: [0] })
    const [attempt] = simulation.members.filter(({ up }) => up).map(({ certificates }) => certificates[1].attempt)
    assert.equal(attempt, 1)
  })

  describe('waits three rounds, and then no more, for a member that', () => {
    /** Rounds of a second, and of the six seconds that one of the smallest real model takes. */
    for (const pruneMs of [1000, 6000]) {
      const rounds = 10
      const timeOf = (options: Partial<SimulationOptions>, liars: number[] = []) => {
        const simulation = finish({ ...PLAIN, rounds, pruneMs: () => pruneMs, ...options }, undefined, liars)
        return simulation.certifiedAt.get(rounds) ?? Number.POSITIVE_INFINITY
      }
      const most = 1.5 * timeOf({ members: 3 }) + SUSPENSION_ROUNDS * MIN_WAIT_MS

      test(`is gone from the start: rounds of ${pruneMs} ms`, () => {
        for (const gone of [0, 1, 2, 3]) {
          const took = timeOf({ silent: [gone] })
          assert.ok(took <= most, `member ${gone} gone: ${took} ms, at most ${most}`)
        }
      })

      test(`commits in every round and delivers nothing: rounds of ${pruneMs} ms`, () => {
        for (const member of [0, 1, 2, 3]) {
          const took = timeOf({ withholding: [member] }, [member])
          assert.ok(took <= most, `member ${member} withholds: ${took} ms, at most ${most}`)
        }
      })
    }
  })

  test('agrees over many rounds in which slow members are suspended and come back', () => {
    let fresh = 0
    for (let seed = 0; seed < 5; seed++) {
      const pruneMs = (member: number, round: number) => (member === seed % 4 && round <= 2 ? 150_000 : 1000)
      const simulation = finish({ ...PLAIN, rounds: 9, seed, drop: 0.2, delayMs: [1, 2000], pruneMs })
      const { entries } = certifiedValue(simulation, 9)
      fresh += entries.some(({ member, round }) => member === seed % 4 && round === 9) ? 1 : 0
    }
    assert.equal(fresh, 5, 'seeds in which the slow member has caught up by the last round')
  })

  test('goes on when a partition without a quorum on either side heals', () => {
    const groups = [
      [0, 1],
      [2, 3],
    ]
    const simulation = finish({ ...PLAIN, partition: { groups, untilMs: 300_000 } })
    assert.ok([...simulation.members].every(({ exit }) => (exit?.at ?? 0) > 300_000))
  })

  test('lets those behind a partition catch up with certificates of later rounds', () => {
    const groups = [[0, 1, 2], [3]]
    const simulation = finish({ ...PLAIN, rounds: 4, fetchMs: 25_000, partition: { groups, untilMs: 250_000 } })
    assert.deepEqual(contributors(simulation, 1), [0, 1, 2])
  })

  test('gives up after ten minutes in which fewer than a quorum are heard', () => {
    const simulation = new Simulation({ ...PLAIN, silent: [2, 3] }).run()
    for (const { exit } of simulation.members.slice(0, 2)) {
      assert.equal(exit?.reason, 'noAgreement')
      assert.ok(Math.abs((exit?.at ?? 0) - SILENCE_TICKS * STATUS_INTERVAL_MS) < 30_000, `at ${exit?.at}`)
    }
  })

  test('leaves out a contribution that is not valid', () => {
    const bad = commitList(new Simulation(PLAIN).federation, 2, 1)[1].root
    const simulation = finish({ ...PLAIN, rounds: 1, invalid: (_, { root }) => (root === bad ? 'too long' : null) })
    const { entries } = certifiedValue(simulation, 1)
    assert.equal(entries.length, 11)
    assert.ok(!entries.some(({ root }) => root === bad))
  })

  test('stops the member that merges to another root, and only that one', () => {
    const simulation = finish({ ...PLAIN, wrongMerge: (member) => member === 2 }, undefined, [2])
    const { exit, notes } = simulation.members[2]
    assert.equal(exit?.reason, 'diverged')
    assert.ok(notes.some((text) => text.startsWith('prevote nil (merged to')))
  })

  test('does not agree on a merge that half of it finds wrong', () => {
    const simulation = new Simulation({ ...PLAIN, wrongMerge: (member) => member > 1 }).run()
    assert.equal(simulation.certified.size, 0)
    for (const { exit } of simulation.members) assert.equal(exit?.reason, 'noAgreement')
  })
})

/** A lie that keeps to the format: whatever these members contribute ruins the merge for all others. */
function ruinedBy(liars: readonly number[], from = 1): Partial<SimulationOptions> {
  const isLie = ({ member, round }: ManifestEntry) => liars.includes(member) && round >= from
  return { harm: (self, entries) => (!liars.includes(self) && entries.some(isLie) ? 7 : 1.1) }
}

describe('contributions that harm the others', () => {
  for (const [members, liars] of [
    [4, [0]],
    [4, [3]],
    [7, [0, 1]],
    [7, [2, 5]],
    [16, [0, 1, 2, 3, 4]],
  ] as const) {
    test(`of members ${liars} among ${members} are left out of every certificate`, () => {
      const simulation = finish({ ...PLAIN, members, rounds: 3, ...ruinedBy(liars) }, undefined, [...liars])
      const honest = Array.from({ length: members }, (_, k) => k).filter((k) => !liars.some((liar) => liar === k))
      for (const round of [1, 2, 3]) {
        assert.deepEqual(contributors(simulation, round), honest)
        // Liars who propose lose their attempt; the first honest proposer finds the merge without them.
        assert.ok(simulation.members[honest[0]].certificates[round].attempt <= liars.length, `round ${round}`)
      }
    })
  }

  test('in a later round leave the certified ones of their author in place', () => {
    const simulation = finish({ ...PLAIN, rounds: 3, ...ruinedBy([3], 2) }, undefined, [3])
    const theirs = certifiedValue(simulation, 3).entries.filter(({ member }) => member === 3)
    assert.deepEqual([...new Set(theirs.map(({ round }) => round))], [1])
  })

  test('are waited for while a proposer searches, however long a merge takes', () => {
    const simulation = finish(
      { ...PLAIN, members: 7, rounds: 1, mergeMs: 4000, measureMs: 3000, ...ruinedBy([2, 5]) },
      undefined,
      [2, 5],
    )
    assert.equal(simulation.members[0].certificates[1].attempt, 0)
    assert.ok(simulation.now > 7000 * 5, `the search takes ${simulation.now} ms`)
  })

  test('are found by all at once, so a search that outlasts the wait costs no attempt after the next', () => {
    const liars = [0, 5]
    const slow = { members: 7, rounds: 2, mergeMs: 9000, measureMs: 6000 }
    const simulation = finish({ ...PLAIN, ...slow, ...ruinedBy(liars) }, undefined, liars)
    for (const round of [1, 2]) {
      assert.deepEqual(contributors(simulation, round), [1, 2, 3, 4, 6])
      assert.ok(simulation.members[1].certificates[round].attempt <= 1, `round ${round}`)
    }
  })

  test('end a federation of three, which can leave nobody out, with exit 6 and the figures', () => {
    const simulation = new Simulation({ ...PLAIN, members: 3, rounds: 1, ...ruinedBy([1]) }).run()
    assert.equal(simulation.certified.size, 0)
    for (const member of [0, 2]) {
      const { exit } = simulation.members[member]
      assert.equal(exit?.reason, 'harmed')
      assert.match(exit?.detail ?? '', /^its perplexity here is 7\.00 \(member \d\), .*, the limit is 1\.5$/)
    }
  })

  test('to one member alone are certified by the others, whom that member follows', () => {
    const simulation = finish({ ...PLAIN, rounds: 2, harm: (self) => (self === 2 ? 3 : 1) })
    assert.deepEqual(contributors(simulation, 2), [0, 1, 2, 3])
    assert.ok(simulation.members[2].notes.some((text) => text.startsWith('prevote nil (perplexity 3.00 times')))
  })

  test('leave agreement as it is in bad weather, with restarts and liars who vote for them', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const members = seed % 2 === 0 ? 4 : 7
      const liars = seed % 2 === 0 ? [seed % 4] : [seed % 7, (seed + 3) % 7]
      const weather = {
        seed,
        drop: (seed % 3) * 0.1,
        duplicate: 0.2,
        delayMs: [1, 1 + (seed % 5) * 1000] as [number, number],
      }
      finish({ ...PLAIN, members, rounds: 2, ...weather, ...ruinedBy(liars) }, undefined, liars)
    }
  })
})

describe('a member that restarts', () => {
  test('signs nothing that contradicts its log, and the federation agrees', () => {
    for (let seed = 0; seed < SEEDS; seed++) agreeWithRestarts(seed)
  })
})

/** A value made from the one with this hash; the liar serves it. */
function otherValue(simulation: Simulation, liar: number, hash: Hash, change: (value: Value) => Partial<Value>): Hash {
  const bytes = simulation.members[liar].blobs.get(hash)
  assert.ok(bytes instanceof Uint8Array)
  const value = decodeValue(bytes)
  const other = encodeValue({ ...value, ...change(value) })
  const id = toHex(blobId(other))
  simulation.members[liar].blobs.set(id, other)
  return id
}

/** An honest merge of these entries. */
function merged(simulation: Simulation, entries: ManifestEntry[]): Partial<Value> {
  const { root, moved } = mergeOf(simulation.federation, entries, null)
  return { entries, merged: root, moved }
}

type Change = (value: Value, simulation: Simulation) => Partial<Value>

/** Values that a liar might propose in round 1 of 4 members, by what is wrong with them. */
const BAD_VALUES: Record<string, Change> = {
  'fewer than a quorum of members': ({ entries }, simulation) =>
    merged(
      simulation,
      entries.filter(({ member }) => member < 2),
    ),
  'a block outside of an arc': ({ entries }, simulation) => {
    return merged(simulation, [...entries.slice(0, -1), { ...entries[entries.length - 1], block: 3 }])
  },
  'a contribution that nobody committed': ({ entries }, simulation) => {
    return merged(simulation, [{ ...entries[0], root: hashName('nothing') }, ...entries.slice(1)])
  },
  'a contribution of a later round': ({ entries }, simulation) => {
    return merged(simulation, [{ ...entries[0], round: 2 }, ...entries.slice(1)])
  },
  'another merged root': () => ({ merged: hashName('else') }),
  'another count of moved bits': ({ moved }) => ({ moved: moved - 1 }),
  'an innocent member excluded': ({ entries }, simulation) => {
    return {
      excluded: [3],
      ...merged(
        simulation,
        entries.filter(({ member }) => member !== 3),
      ),
    }
  },
  'another round': () => ({ round: 2 }),
  'a certificate before the first': () => ({ previous: hashName('before') }),
  'another plan': () => ({ plan: hashName('other') }),
}

describe('a member that lies', () => {
  for (const [name, change] of Object.entries(BAD_VALUES)) {
    test(`by proposing ${name} loses its attempt`, () => {
      const bad = new Set<Hash>()
      const twist = (envelope: Envelope, _to: number, simulation: Simulation): Envelope => {
        const { body, from } = envelope
        if (from !== 0 || body.type !== 'proposal' || body.attempt > 0) return envelope
        const value = otherValue(simulation, 0, body.value, (value) => change(value, simulation))
        bad.add(value)
        return { ...envelope, body: { ...body, value } }
      }
      const simulation = finish({ ...PLAIN, rounds: 1, twist }, undefined, [0])
      assert.equal(bad.size, 1)
      assert.ok(!bad.has(simulation.certified.get(1) ?? ''))
      assert.equal(simulation.members[1].certificates[1].attempt, 1)
    })
  }

  test('by saying for ever that it searches costs one wait an attempt', () => {
    const liars = [0, 1]
    const simulation = finish({ ...PLAIN, members: 7, silent: liars, limitMs: 3600_000 }, (simulation) => {
      const claim = (beat: number) => {
        for (const { context, state } of simulation.members) {
          const { attempt, round } = state
          const body = { type: 'status', step: 'searching', round, attempt, certificate: null, beat } as const
          for (const liar of liars) {
            simulation.hand(context.self, { type: 'message', envelope: unsigned(simulation.federation, liar, body) })
          }
        }
        simulation.at(STATUS_INTERVAL_MS, () => claim(beat + 1))
      }
      simulation.at(0, () => claim(1))
    })
    const waited = simulation.certifiedAt.get(1) ?? Number.NaN
    assert.ok(waited < 3 * MIN_WAIT_MS + 2 * STEP_TIMEOUT_MS + 30_000, `round 1 took ${waited} ms`)
  })

  test('by proposing two values is excluded by the next certificate, and its contributions with it', () => {
    const liar = 0 // proposes first
    const twist = (envelope: Envelope, to: number, simulation: Simulation): Envelope => {
      const { body, from } = envelope
      const without = ({ entries }: Value) =>
        merged(
          simulation,
          entries.filter(({ member }) => member !== 6),
        )
      if (from !== liar || body.type !== 'proposal' || to % 2 === 0) return envelope
      return { ...envelope, body: { ...body, value: otherValue(simulation, liar, body.value, without) } }
    }
    const simulation = finish({ ...PLAIN, members: 7, twist, rounds: 3 }, undefined, [liar])
    assert.deepEqual(certifiedValue(simulation, 3).excluded, [liar])
    assert.ok(!contributors(simulation, 3).includes(liar))
  })

  test('by committing twice is convicted with both commits', () => {
    const liar = 3
    const twist = (envelope: Envelope, to: number, simulation: Simulation): Envelope => {
      const { body, from } = envelope
      if (from !== liar || body.type !== 'commit' || to !== 1) return envelope
      const list = commitList(simulation.federation, liar, body.round, 'other')
      const { blobs } = simulation.members[liar]
      blobs.set(listRoot(list), encodeCommitList(list))
      for (const { root } of list) blobs.set(root, 'contribution')
      return { ...envelope, body: { ...body, root: listRoot(list) } }
    }
    const simulation = finish(
      { ...PLAIN, twist, rounds: 3, pruneMs: (member) => (member === liar ? 1000 : 20_000) },
      undefined,
      [liar],
    )
    assert.deepEqual(certifiedValue(simulation, 3).excluded, [liar])
  })

  test('in every vote, differently to everybody, breaks neither agreement nor progress in 70 runs', () => {
    for (let seed = 0; seed < 70; seed++) {
      const next = random(seed)
      const members = seed % 2 === 0 ? 4 : 7
      const liars = [Math.floor(next() * members)]
      if (members === 7) liars.push((liars[0] + 1 + Math.floor(next() * 6)) % 7)
      const seen: Hash[] = []
      const twist = ({ body, ...rest }: Envelope): Envelope | null => {
        if (
          body.type === 'proposal' ||
          ((body.type === 'prevote' || body.type === 'precommit') && body.value !== null)
        ) {
          seen.push(body.value as Hash)
        }
        if (!liars.includes(rest.from)) return { ...rest, body }
        if (next() < 0.2) return null
        if (body.type === 'prevote' || body.type === 'precommit') {
          const value = next() < 0.3 ? null : (seen[Math.floor(next() * seen.length)] ?? hashName('nothing'))
          return { ...rest, body: { ...body, value } }
        }
        return { ...rest, body }
      }
      finish({ ...PLAIN, members, seed, twist, drop: next() * 0.2, delayMs: [1, 1 + next() * 9000] }, undefined, liars)
    }
  })
})
