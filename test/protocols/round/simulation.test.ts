import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '../../../protocols/offer.ts'
import { Simulation, type SimulationOptions } from './simulator.ts'
import { random } from './world.ts'

function finish(options: SimulationOptions): Simulation {
  const simulation = new Simulation(options).run()
  const name = `members ${options.members}, seed ${options.seed}`
  for (const { context, exit, up } of simulation.members) {
    if (up) assert.equal(exit?.reason, 'done', `${name}: member ${context.self}: ${exit?.detail ?? 'does not end'}`)
  }
  return simulation
}

for (const members of [4, 7]) {
  test(`${members} members agree over 300 seeds of loss, delay, duplication and as many silent as may be`, () => {
    for (let seed = 0; seed < 300; seed++) {
      const next = random(seed + 1000 * members)
      const silent = Array.from({ length: members }, (_, i) => i)
        .sort(() => next() - 0.5)
        .slice(0, Math.floor(next() * (faultsOf(members) + 1)))
      const slow = Math.floor(next() * members)
      finish({
        members,
        seed,
        blocks: 3,
        rounds: 1 + Math.floor(next() * 3),
        share: 1 + Math.floor(next() * 3),
        drop: next() * 0.4,
        duplicate: next() * 0.3,
        delayMs: [1, 10 + next() * (next() < 0.3 ? 12_000 : 500)],
        silent,
        mergeMs: next() * 5000,
        fetchMs: next() * 500,
        pruneMs: (member) => (member === slow && next() < 0.5 ? 200_000 : 1000 + 5000 * next()),
      })
    }
  })
}
