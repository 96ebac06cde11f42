/** Masked federations in which members crash and come back. */
import { faultsOf } from '../../../../protocols/plan/offer.ts'
import type { SimulationOptions } from '../simulator.ts'
import { agreeInBadWeather, finish } from '../weather.ts'
import { random } from '../world.ts'

type Masked = NonNullable<SimulationOptions['masked']>

/** Two groups of two blocks; or importances and one round of adapters. */
export const PLAN = { members: 4, blocks: 4, rounds: 2, seed: 1 }

interface Crashing extends Pick<Masked, 'method'> {
  members: number
}

interface Crash {
  at: number
  member: number
}

/** So many moments of the federation's whole life, evenly spread; the members take turns. */
export function crashes({ members, method }: Crashing, points: number): Crash[] {
  const ends = finish({ ...PLAN, members, masked: { method } }).now
  return Array.from({ length: points }, (_, k) => ({ at: (k * ends) / points, member: k % members }))
}

/** All members but one, and then that one, end with the same certificates. */
export function agreeWithCrash({ members, method, at, member }: Crashing & Crash): void {
  finish({ ...PLAN, members, masked: { method } }, (world) => {
    world.at(at, () => {
      if (world.members[member].exit === null) world.restart(member, 500)
    })
  })
}

/** Keys and sheets need all, so those who offer nothing begin to do so later. */
export function agreeInKeys(members: number, seed: number, masked: Masked): void {
  const next = random(seed + 7)
  const late = Array.from({ length: Math.floor(next() * (faultsOf(members) + 1)) }, () => Math.floor(next() * members))
  const gone = new Set(late)
  agreeInBadWeather(members, seed, { masked, withholds: (member, round) => gone.has(member) && round > 2 })
}
