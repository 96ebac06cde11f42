/** Masked federations in which members crash and come back. */
import { faultsOf } from '../../../../protocols/plan/offer.ts'
import { listRound } from '../../../../protocols/round/masked/phases.ts'
import type { Simulation, SimulationOptions } from '../simulator.ts'
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

/** A place between two effects of a member: it is killed once it has carried so many out. */
export interface Between {
  member: number
  effects: number
  /** Whether it has begun to mask then, and has not committed. */
  isMasking: boolean
}

/** All places between two effects that a member carries out within an opening, of its list and of its reveals. */
export function placesWithin({ members, method }: Crashing, opening: number): Between[] {
  const done = new Array<number>(members).fill(0)
  const places: Between[] = []
  const masking = new Set<number>()
  const list = listRound(opening)
  finish({
    ...{ ...PLAN, members, masked: { method } },
    onEffect(member, effect, { members }) {
      done[member]++
      if (effect.type === 'prune' && effect.round === list) masking.add(member)
      if (effect.type === 'persist') masking.delete(member)
      const round = members[member].last?.value.round ?? 0
      if (round !== list - 1 && round !== list) return
      places.push({ member, effects: done[member], isMasking: masking.has(member) })
    },
  })
  return places
}

/** @param backMs - after which the member comes back, if need be with another text */
export function agreeWithCrashAt(
  { members, method }: Crashing,
  { member, effects }: Pick<Between, 'member' | 'effects'>,
  { backMs, otherText }: { backMs: number; otherText: boolean },
): Simulation {
  let done = 0
  return finish({
    ...{ ...PLAN, members, masked: { method }, otherText: () => otherText },
    onEffect(self, _effect, simulation) {
      if (self === member && ++done === effects) simulation.restart(member, backMs)
    },
  })
}

/** The latest of the effects after which a member is killed: about where three openings end. */
const LATEST = 1500

/**
 * Keys and sheets need all, so those who offer nothing begin to do so later. One member is killed, and comes back, with
 * another text where the seed says so.
 */
export function agreeInKeys(members: number, seed: number, masked: Masked): void {
  const next = random(seed + 7)
  const late = Array.from({ length: Math.floor(next() * (faultsOf(members) + 1)) }, () => Math.floor(next() * members))
  const gone = new Set(late)
  const [killed, effects, backMs] = [Math.floor(next() * members), Math.floor(next() * LATEST), next() * 60_000]
  const isOther = next() < 0.5
  let done = 0
  agreeInBadWeather(members, seed, {
    ...{ masked, withholds: (member, round) => gone.has(member) && round > 2, otherText: () => isOther },
    onEffect(self, _effect, simulation) {
      if (self === killed && ++done === effects) simulation.restart(killed, backMs)
    },
  })
}
