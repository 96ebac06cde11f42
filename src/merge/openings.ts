/**
 * The openings of a masked plan. An opening is one fixed set of slots, of which the sum over all sites is opened at
 * once. Where mean squares are pooled it is a group of blocks; where second moments are pooled a group has two, mean
 * squares and then products. Votes on weights are one opening of all blocks: a second one would be of nearly the same
 * contents, and the difference of two sums shows more than either. Where structures are removed, the importances of all
 * blocks are the first one, and the adapters of each round after that are one more.
 *
 * Keys, key sheets and reveals have slots of their own, behind those of decoder blocks. Adapters of an opening replace
 * those of the one before, so they take turns in the slots B + b and 2 B + b, and their reveals do so too.
 */
import { poolsMoments } from '../form/merging.ts'
import { isStructuredMethod } from '../form/method.ts'
import type { VectorForm } from './masked/vector.ts'
import { type PooledPlan, pooledRounds, slotsOfGroups } from './pooled/groups.ts'
import { slotCount, trainsAdapters } from './slots.ts'

/** Rounds before the first opening: members exchange keys, and then key sheets. */
export const ROUNDS_OF_KEYS = 2
/** Rounds of an opening: masked vectors are listed, and then the streams of those listed are revealed. */
export const ROUNDS_OF_OPENING = 2

/** The slots of a masked plan that are no decoder block's follow from these. */
export interface MaskedSlots {
  /** The number of slots of decoder blocks. */
  blocks: number
  /** The number of decoder blocks B where adapters take turns; null: each slot is offered once. */
  turns: number | null
}

/** The number of openings. */
export function openingsOf({ method, merge, rounds }: PooledPlan): number {
  if (merge === 'pooled') return pooledRounds({ method, merge, rounds })
  return trainsAdapters({ method, rounds }) ? rounds : 1
}

/** The kind of vectors that an opening sums. */
export function kindOfOpening(plan: PooledPlan, opening: number): VectorForm['kind'] {
  if (isStructuredMethod(plan.method)) return opening === 1 ? 'importances' : 'adapters'
  if (plan.merge !== 'pooled') return 'votes'
  return poolsMoments(plan.method, { rule: plan.merge }) && opening % 2 === 0 ? 'products' : 'meanSquares'
}

/** The rounds of the whole plan. */
export function maskedRounds(plan: PooledPlan): number {
  return ROUNDS_OF_KEYS + ROUNDS_OF_OPENING * openingsOf(plan)
}

/** @param blocks - decoder blocks of the model */
export function maskedSlotsOf(plan: PooledPlan, blocks: number): MaskedSlots {
  if (!trainsAdapters(plan)) return { blocks: slotCount(plan, blocks), turns: null }
  return { blocks: 3 * blocks, turns: blocks }
}

/** The number of all slots of the plan. @param blocks - decoder blocks of the model */
export function maskedSlots(plan: PooledPlan, blocks: number): number {
  const slots = maskedSlotsOf(plan, blocks)
  const openings = Array.from({ length: openingsOf(plan) }, (_, i) => revealSlot(slots, i + 1))
  return Math.max(...openings) + 1
}

export function keySlot({ blocks }: MaskedSlots): number {
  return blocks
}

export function sheetSlot({ blocks }: MaskedSlots): number {
  return blocks + 1
}

/** The part that a member shows in a slot: a vector, of a decoder block, or what opens the sums of vectors. */
export function partOfSlot(slots: MaskedSlots, slot: number): 'vector' | 'key' | 'sheet' | 'reveal' {
  if (slot < slots.blocks) return 'vector'
  if (slot === keySlot(slots)) return 'key'
  return slot === sheetSlot(slots) ? 'sheet' : 'reveal'
}

/** The slot of an opening's reveals. @param opening - from 1 */
export function revealSlot({ blocks, turns }: MaskedSlots, opening: number): number {
  return blocks + 1 + (turns === null ? opening : Math.min(opening, 2 + (opening % 2)))
}

/**
 * The slots of decoder blocks that a member contributes to in an opening.
 * @param blocks - decoder blocks of the model
 * @param groups - those of the member, where blocks are offered in groups
 */
export function slotsOfOpening(plan: PooledPlan, blocks: number, opening: number, groups: readonly number[]): number[] {
  if (plan.merge === 'pooled') return slotsOfGroups(plan, blocks, opening, groups)
  const from = firstSlotOf({ blocks: 0, turns: blocks }, opening)
  return Array.from({ length: blocks }, (_, block) => from + block)
}

/** The first slot of an opening whose slots are those of all decoder blocks. */
export function firstSlotOf({ turns }: MaskedSlots, opening: number): number {
  return turns === null || opening === 1 ? 0 : turns * (1 + (opening % 2))
}
