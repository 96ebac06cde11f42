import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { initialState, step } from '../../../protocols/round/machine.ts'
import { MAX_ATTEMPTS, SERVE_IDLE_MS, STALL_TICKS } from '../../../protocols/round/messages/constants.ts'
import type { Body } from '../../../protocols/round/messages/messages.ts'
import type { Effect, RoundEvent, RoundState } from '../../../protocols/round/types.ts'
import { Simulation } from './simulator.ts'
import { commitList, hashName, listRoot, makeContext, makeFederation, unsigned } from './world.ts'

const federation = makeFederation({ members: 4, blocks: 2, rounds: 2 })
const context = makeContext(federation, 0)

/** Hands in events one after the other; returns the last state and all effects. */
function play(events: RoundEvent[], from: RoundState = initialState(context)) {
  let state = from
  const effects: Effect[] = []
  for (const event of events) {
    const outcome = step(context, state, event)
    state = outcome.state
    effects.push(...outcome.effects)
  }
  return { state, effects }
}

const START: RoundEvent = { type: 'start', certificate: null, log: [], beat: 0 }
const message = (from: number, body: Body): RoundEvent => ({
  type: 'message',
  envelope: unsigned(federation, from, body),
})
const commit = (from: number, round = 1, root = listRoot(commitList(federation, from, round))) => {
  return message(from, { type: 'commit', round, root })
}

/** The status intervals, of 48, in which a member sends a status. */
function tellingTicks(members: number, self: number): number[] {
  const many = makeContext(makeFederation({ members, blocks: 2, rounds: 2 }), self)
  let { state } = step(many, initialState(many), START)
  return Array.from({ length: 48 }, (_, tick) => tick).filter(() => {
    const outcome = step(many, state, { type: 'timer', id: 'status' })
    state = outcome.state
    return outcome.effects.some((effect) => effect.type === 'send' && effect.body.type === 'status')
  })
}

/** Freezes a value and all in it. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}

describe('the machine', () => {
  test('sends a status in each interval, and where there are many members they take turns', () => {
    assert.equal(tellingTicks(16, 3).length, 48)
    assert.equal(tellingTicks(32, 3).length, 12)
    const turns = Array.from({ length: 16 }, (_, self) => tellingTicks(64, self))
    assert.deepEqual(new Set(turns.map(({ length }) => length)), new Set([3]))
    assert.equal(new Set(turns.flat()).size, 48)
  })

  test('is pure: it never writes to a state, gives the same answer twice, and its state survives a copy', () => {
    const simulation = new Simulation({ members: 4, blocks: 3, rounds: 2, seed: 5, drop: 0.2, silent: [1] })
    let steps = 0
    for (const member of simulation.members) {
      // Each state that the simulation reaches is frozen; and the copy of a state must go the same way.
      let state = freeze(member.state)
      Object.defineProperty(member, 'state', {
        get: () => structuredClone(state),
        set: (next: RoundState) => {
          steps++
          state = freeze(next)
        },
      })
    }
    simulation.run()
    assert.ok(steps > 100)
    assert.equal(simulation.certified.size, 2)
    const plain = new Simulation({ members: 4, blocks: 3, rounds: 2, seed: 5, drop: 0.2, silent: [1] }).run()
    assert.deepEqual(plain.certified, simulation.certified)
    assert.equal(plain.events, simulation.events)
  })

  test('persists before it sends, whatever it signs', () => {
    const list = commitList(federation, 0, 1)
    const { effects } = play([START, { type: 'pruned', round: 1, root: listRoot(list), list }])
    const binding = effects
      .filter(({ type }) => type === 'persist' || type === 'send')
      .map((effect) => {
        return effect.type === 'persist' || effect.type === 'send' ? `${effect.type} ${effect.body.type}` : ''
      })
    assert.deepEqual(binding, ['send status', 'persist commit', 'send commit'])
  })

  test('ignores answers without a question, and timers that mean nothing any more', () => {
    const { state } = play([START])
    const hash = hashName('x')
    const noise: RoundEvent[] = [
      { type: 'held', member: 1, block: 0, root: hash },
      { type: 'validated', member: 1, block: 0, root: hash, reason: null },
      { type: 'merged', manifest: hash, root: hash, moved: 0, bits: 1, doubt: null },
      { type: 'list', root: hash, list: commitList(federation, 1, 1) },
      { type: 'value', hash, value: null },
      { type: 'pruned', round: 7, root: hash, list: [] },
      { type: 'timer', id: 'propose/1/0' },
      { type: 'timer', id: 'wait/9' },
      { type: 'timer', id: 'nonsense' },
      { type: 'asked' },
    ]
    const outcome = play(noise, state)
    assert.deepEqual(outcome.state, state)
    assert.deepEqual(outcome.effects, [])
  })

  test('survives any messages in any order', () => {
    const number = fc.integer({ min: 1, max: 3 })
    const attempt = fc.integer({ min: 0, max: MAX_ATTEMPTS - 1 })
    const hash = fc.constantFrom(hashName('a'), hashName('b'))
    const body: fc.Arbitrary<Body> = fc.oneof(
      fc.record({ type: fc.constant('commit' as const), round: number, root: hash }),
      fc.record({
        type: fc.constant('proposal' as const),
        round: number,
        attempt,
        value: hash,
        polRound: fc.integer({ min: -1, max: 3 }),
      }),
      fc.record({
        type: fc.constantFrom('prevote' as const, 'precommit' as const),
        round: number,
        attempt,
        value: fc.option(hash),
      }),
    )
    const events = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), body), { maxLength: 60 })
    fc.assert(
      fc.property(events, (messages) => {
        const { state } = play([START, ...messages.map(([from, body]) => message(from, body))])
        assert.ok(state.signed.every((body, i) => state.signed.indexOf(body) === i))
      }),
      { numRuns: 300 },
    )
  })
})

describe('commits', () => {
  test('of later rounds are kept, but what is behind them is fetched only from one round ahead', () => {
    const { state, effects } = play([START, commit(1, 1), commit(2, 2)])
    assert.equal(effects.filter(({ type }) => type === 'fetch').length, 2)
    const longer = makeFederation({ members: 4, blocks: 2, rounds: 9 })
    const far = step({ ...context, federation: longer }, state, commit(3, 9))
    assert.deepEqual(
      far.effects.map(({ type }) => type),
      [],
    )
    assert.equal(far.state.commits[3][9].length, 1)
  })

  test('are forgotten when their round is over and all that they name is certified, and are not taken in again', () => {
    const rounds = 6
    const simulation = new Simulation({ members: 4, blocks: 3, rounds, seed: 1 })
    simulation.run()
    for (const { state } of simulation.members) {
      for (const byRound of Object.values(state.commits)) {
        const kept = Object.keys(byRound).map(Number)
        assert.ok(kept.includes(rounds) && kept.every((round) => round >= rounds - 2), kept.join())
      }
    }
    const { context: own, state } = simulation.members[0]
    const later = { ...state, step: 'collect' as const }
    const early = message(1, { type: 'commit', round: 1, root: hashName('another') })
    assert.equal(step(own, later, early).state.commits[1][1], undefined)
  })

  test('beyond the last round are dropped', () => {
    const { state } = play([START, commit(3, 3)])
    assert.equal(state.commits[3], undefined)
  })

  const bad: Array<[string, ReturnType<typeof commitList> | null]> = [
    ['is none', null],
    ['names a block outside of the arc', [{ block: 2, root: hashName('r'), bytes: 1 }]],
    ['says more bytes than a contribution can have', [{ block: 0, root: hashName('r'), bytes: 1001 }]],
  ]
  for (const [name, list] of bad) {
    test(`whose list ${name} lead to nothing`, () => {
      const root = hashName('list')
      const { state, effects } = play([START, commit(1, 1, root), { type: 'list', root, list }])
      assert.equal(state.lists[`1/1/${root}`], 'bad')
      assert.ok(!effects.some((effect) => effect.type === 'fetch' && effect.what === 'contribution'))
    })
  }
})

describe('time', () => {
  test('ends the round after 20 failed attempts', () => {
    let { state } = play([START, commit(1), commit(2), commit(3)])
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const nils = [1, 2, 3].map((from) => message(from, { type: 'precommit', round: 1, attempt, value: null }))
      const outcome = play(nils, state)
      state = outcome.state
      const [exit] = outcome.effects.filter(({ type }) => type === 'exit')
      assert.equal(exit !== undefined, attempt === MAX_ATTEMPTS - 1, `attempt ${attempt}`)
      if (exit?.type === 'exit') assert.equal(exit.reason, 'noAgreement')
    }
    assert.equal(state.step, 'stopped')
  })

  test('makes attempts begin when the contributions of a quorum do not come for ten minutes', () => {
    let { state } = play([START, commit(1), commit(2), commit(3), { type: 'timer', id: 'wait/1' }])
    for (let tick = 0; tick < STALL_TICKS; tick++) {
      assert.equal(state.step, 'collect')
      const alive = [1, 2, 3].map((from) => {
        return message(from, { type: 'status', round: 1, step: 'collect', attempt: 0, certificate: null, beat: tick })
      })
      state = play([...alive, { type: 'timer', id: 'status' }], state).state
    }
    assert.equal(state.step, 'propose')
  })

  test('after the last certificate is 60 s from the last that somebody asked', () => {
    const simulation = new Simulation({ members: 4, blocks: 1, rounds: 1, seed: 1, silent: [3] }).run()
    const done = simulation.members[0].exit?.at ?? 0
    assert.ok(done > SERVE_IDLE_MS)
    const serving = play([{ type: 'asked' }], { ...simulation.members[0].state, step: 'serve' })
    assert.deepEqual(serving.effects, [{ type: 'setTimer', id: 'serve', ms: SERVE_IDLE_MS }])
  })

  test('of an old status that is sent again is not taken for life', () => {
    const status: Body = { type: 'status', round: 1, step: 'collect', attempt: 0, certificate: null, beat: 4 }
    const { state } = play([START, message(1, status), { type: 'timer', id: 'status' }, message(1, status)])
    assert.equal(state.silence[1], 1)
    assert.equal(play([message(1, { ...status, beat: 5 })], state).state.silence[1], 0)
  })
})
