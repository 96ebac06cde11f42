/** Whole federations in hard weather, one a seed. */
import assert from 'node:assert/strict'
import { faultsOf } from '../../../protocols/plan/offer.ts'
import { Simulation, type SimulationOptions } from './simulator.ts'
import { random } from './world.ts'

/** Two rounds of four members. */
export const PLAIN = { members: 4, blocks: 3, rounds: 2, seed: 1 }

/** Runs to the end and checks that all but the liars are done with the same last certificate. */
export function finish(
  options: SimulationOptions,
  prepare: (simulation: Simulation) => void = () => {},
  liars: number[] = [],
) {
  const simulation = new Simulation(options)
  prepare(simulation)
  simulation.run()
  const name = `members ${options.members}, seed ${options.seed}`
  const honest = simulation.members.filter(({ context, up }) => up && !liars.includes(context.self))
  for (const { context, exit } of honest) {
    assert.equal(exit?.reason, 'done', `${name}: member ${context.self}: ${exit?.detail ?? 'does not end'}`)
  }
  assert.equal(new Set(honest.map(({ last }) => last?.id)).size, 1, name)
  return simulation
}

/** Loss, delay, duplication, slow members, and as many silent ones as a federation may have. */
export function agreeInBadWeather(
  members: number,
  seed: number,
  rule: Pick<SimulationOptions, 'pooled' | 'masked' | 'withholds' | 'onEffect' | 'otherText'> = {},
): void {
  const next = random(seed + 1000 * members)
  const silent = Array.from({ length: members }, (_, i) => i)
    .sort(() => next() - 0.5)
    .slice(0, Math.floor(next() * (faultsOf(members) + 1)))
  const slow = Math.floor(next() * members)
  finish({
    members,
    seed,
    ...rule,
    blocks: 3,
    rounds: 1 + Math.floor(next() * 3),
    share: 1 + Math.floor(next() * 3),
    drop: next() * 0.4,
    duplicate: next() * 0.3,
    delayMs: [1, 10 + next() * (next() < 0.3 ? 12_000 : 500)],
    silent: rule.masked === undefined ? silent : [],
    mergeMs: next() * 5000,
    fetchMs: next() * 500,
    pruneMs: (member) => (member === slow && next() < 0.5 ? 200_000 : 1000 + 5000 * next()),
  })
}

/** Proposers see different contributions, and most votes are late. Returns the attempt that agreed. */
export function agreeLate(seed: number): number {
  const members = 4 + (seed % 4)
  const next = random(seed)
  const simulation = finish({
    ...PLAIN,
    rounds: 1,
    members,
    seed,
    roundTimeoutMs: 1,
    fetchMs: () => (next() < 0.6 ? 60_000 * next() : 50),
    storm: { late: 0.5 * next(), lateMs: 120_000, untilMs: 600_000 },
    delayMs: [1, 100 + 2000 * next()],
  })
  return simulation.members[0].certificates[1].attempt
}

/** Members restart at any moment: they sign nothing that contradicts their logs, and agree. */
export function agreeWithRestarts(seed: number): void {
  const next = random(seed)
  const options = { ...PLAIN, seed, drop: 0.1, delayMs: [1, 2000] as [number, number], mergeMs: 3000 }
  finish(options, (simulation) => {
    for (let i = 0; i < 3; i++) {
      const member = Math.floor(next() * 4)
      simulation.at(next() * 30_000, () => {
        const { exit, up } = simulation.members[member]
        if (up && exit === null) simulation.restart(member, next() * 20_000)
      })
    }
  })
}
