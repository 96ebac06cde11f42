/**
 * The slots of a plan: what a member contributes to. A newer contribution of a member to a slot replaces its older
 * one there. Usually a slot is a decoder block. Where adapters are trained a block has two slots, `block` for the
 * importances of its units and `blocks + block` for its adapters: importances are offered in the first round alone, and
 * stay in every later manifest beside the newest adapters. Where second moments are pooled, `block` is for mean squares
 * and `blocks + block` for products (pooled/groups.ts). So the slot of an entry tells what its bytes must carry, and
 * the arc of a round tells which slots it may name.
 */
import { type MergeRule, poolsMoments } from '../form/merging.ts'
import { isStructuredMethod, type Method } from '../form/method.ts'

interface Training {
  method: Method
  /** The number of rounds in the plan. */
  rounds: number
}

/** Whether members train adapters in the rounds after the first. */
export function trainsAdapters({ method, rounds }: Training): boolean {
  return isStructuredMethod(method) && method.target.steps > 0 && rounds > 1
}

/** The number of slots. @param blocks - decoder blocks of the model */
export function slotCount({ merge, ...training }: Training & { merge: MergeRule }, blocks: number): number {
  return trainsAdapters(training) || poolsMoments(training.method, { rule: merge }) ? 2 * blocks : blocks
}

export function blockOfSlot(slot: number, blocks: number): number {
  return slot % blocks
}

/** Whether a slot is one of adapters, or of products. */
export function isSecondSlot(slot: number, blocks: number): boolean {
  return slot >= blocks
}

/**
 * The slots to which a member contributes in a round, unless the rule is `pooled`. Importances are measured on the
 * whole model at once, so they are offered for all blocks, whatever the arc is.
 * @param arc - the blocks that the sampling gives the member in this round
 */
export function slotsOfRound(training: Training, blocks: number, round: number, arc: readonly number[]): number[] {
  if (!isStructuredMethod(training.method)) return [...arc]
  if (round > 1 && trainsAdapters(training)) return arc.map((block) => blocks + block)
  return Array.from({ length: blocks }, (_, block) => block)
}
