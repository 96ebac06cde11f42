/**
 * The openings of a masked plan. An opening is one fixed set of slots, of which the sum over all sites is opened at
 * once. Where mean squares are pooled it is a group of blocks; where second moments are pooled a group has two, mean
 * squares and then products. Where structures are removed, the importances of all blocks are the first one, and the
 * adapters of each round after that are one more.
 */
import { isStructuredMethod } from '../form/method.ts'
import { type PooledPlan, pooledRounds } from './pooled/groups.ts'
import { slotCount, trainsAdapters } from './slots.ts'

/** Rounds before the first opening: members exchange keys, and then key sheets. */
const ROUNDS_OF_KEYS = 2
/** Rounds of an opening: masked vectors are listed, and then the streams of those listed are revealed. */
const ROUNDS_OF_OPENING = 2

/** Slots of keys and of key sheets. */
const SLOTS_OF_KEYS = 2

/** The number of openings. */
export function openingsOf({ method, merge, rounds }: PooledPlan): number {
  if (!isStructuredMethod(method)) return pooledRounds({ method, merge, rounds })
  return trainsAdapters({ method, rounds }) ? rounds : 1
}

/** The rounds of the whole plan. */
export function maskedRounds(plan: PooledPlan): number {
  return ROUNDS_OF_KEYS + ROUNDS_OF_OPENING * openingsOf(plan)
}

/**
 * The slots of the whole plan: those that an open plan has, one for keys, one for key sheets, and one for the reveals
 * of each opening.
 * @param blocks - decoder blocks of the model
 */
export function maskedSlots(plan: PooledPlan, blocks: number): number {
  return slotCount(plan, blocks) + SLOTS_OF_KEYS + openingsOf(plan)
}
