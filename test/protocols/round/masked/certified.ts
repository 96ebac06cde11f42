/** The facts that the certificates of a simulated masked federation tell. */
import assert from 'node:assert/strict'
import type { Value } from '../../../../protocols/round/messages/value.ts'
import type { Simulation } from '../simulator.ts'

export function certifiedIn(simulation: Simulation, round: number): Value {
  const holder = simulation.members.find(({ certificates }) => certificates[round] !== undefined)
  assert.ok(holder, `no certificate of round ${round}`)
  return holder.certificates[round].value
}

/** The members that have entries of a round in its certificate. */
export function membersOf(simulation: Simulation, round: number): number[] {
  const fresh = certifiedIn(simulation, round).entries.filter((entry) => entry.round === round)
  return [...new Set(fresh.map(({ member }) => member))].sort((a, b) => a - b)
}
