/**
 * The order in which blocks are offered where sites pool what their texts show. The blocks are split into groups of
 * neighbours; a group is offered once, and pruned for all, before the next one begins: so every text flows through the
 * common blocks in front of it. Second moments take two rounds a group, mean squares and then products; mean squares
 * alone take one. Members take part in as many groups as their capacity says.
 */
import { PPM } from '../../base/decimal.ts'
import { type MergeRule, poolsMoments } from '../../form/merging.ts'
import type { Method } from '../../form/method.ts'
import { arcs, blocksOf } from '../sampling.ts'

export interface PooledPlan {
  method: Method
  merge: MergeRule
  /** The number of groups. */
  rounds: number
}

/** The blocks of a group, ascending. @param group - from 1 */
export function blocksOfGroup(group: number, groups: number, blocks: number): number[] {
  const [from, to] = [group - 1, group].map((edge) => Math.floor((edge * blocks) / groups))
  return Array.from({ length: to - from }, (_, k) => from + k)
}

/** The rounds that a group takes. */
function roundsOfGroup({ method, merge }: Pick<PooledPlan, 'method' | 'merge'>): number {
  return poolsMoments(method, { rule: merge }) ? 2 : 1
}

/** The rounds of the whole plan. */
export function pooledRounds(plan: PooledPlan): number {
  return plan.rounds * roundsOfGroup(plan)
}

interface Sampled {
  offerHash: Uint8Array
  members: readonly { peerId: Uint8Array; capacityPpm: number }[]
}

/**
 * The groups of each member, ascending: by place in the roster, which is sorted by peer id. Members take arcs of a
 * circle of all groups, as they take arcs of blocks elsewhere: clamp(floor(c R + 1/2), 1, R) of R groups.
 */
export function groupsOfMembers(plan: PooledPlan, { offerHash, members }: Sampled): number[][] {
  const circle = arcs({ offerHash, members, blocks: plan.rounds })
  return circle.members.map((_, member) => blocksOf(circle, member, 1).map((group) => group + 1))
}

/** The slots that a member of these groups may contribute to in a round: see src/merge/slots.ts. */
export function slotsOfGroups(plan: PooledPlan, blocks: number, round: number, groups: readonly number[]): number[] {
  const each = roundsOfGroup(plan)
  const group = Math.ceil(round / each)
  if (!groups.includes(group)) return []
  const own = blocksOfGroup(group, plan.rounds, blocks)
  return (round - 1) % each === 0 ? own : own.map((block) => blocks + block)
}

/**
 * The fewest sites that a group must have: so many that one who knows f others' parts cannot work out a single one's by
 * subtraction, and three at least; all of two.
 */
export function sitesOfGroup(members: number, faults: number): number {
  return Math.min(members, Math.max(3, faults + 2))
}

/** The least capacity, in ppm, with which every group has so many sites if all have it. */
export function capacityFor(sites: number, members: number, groups: number): number {
  const each = Math.ceil((sites * groups) / members)
  return each >= groups ? PPM : Math.ceil(((2 * each - 1) * PPM) / (2 * groups))
}

/** Whether each group has so many sites, and each site's capacity is half a group at least. */
export function areGroupsFull(plan: PooledPlan, sampled: Sampled, sites: number): boolean {
  if (sampled.members.some(({ capacityPpm }) => 2 * capacityPpm * plan.rounds < PPM)) return false
  return smallestGroup(plan, sampled) >= sites
}

/** The fewest sites of any group. */
export function smallestGroup(plan: PooledPlan, sampled: Sampled): number {
  const taken = groupsOfMembers(plan, sampled).flat()
  const sizes = Array.from({ length: plan.rounds }, (_, g) => taken.filter((group) => group === g + 1).length)
  return Math.min(...sizes)
}
