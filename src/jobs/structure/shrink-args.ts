/** What is removed from a model, how it is chosen, and what is said of the model that is left. */
import type { Windows } from '../../form/windows.ts'
import type { ExpectedRun } from '../../model/write/write.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import type { PlainRace, PlainRun } from '../../runtime/reference-run.ts'
import type { Amount, KeptShare, RemovedShare } from '../../structure/choose/amount.ts'
import type { Importance, Reduction } from '../../structure/choose/importance.ts'
import type { GroupQueries } from '../../structure/find/walk.ts'

type Range = readonly [from: number, to: number]

/** By which importance of single weights; `random` ones are drawn. */
type Scoring = { importance: Importance } | { importance: 'random'; seed: number }

/** In so many steps, each by gradients of what is left. */
interface Stepwise {
  importance: Exclude<Importance, 'l2'>
  steps: number
  amount: RemovedShare
}

/** By importances of single weights. */
type Weighed = ((Scoring & { amount: RemovedShare }) | Stepwise | (Scoring & { amount: KeptShare })) & {
  groupQueries: GroupQueries
  /** Over what is coupled. */
  reduction: Reduction
  /** Whether what reads removed places is fitted anew. */
  refit: boolean
  /** Whether Hugging Face tools are to load what is written: all blocks stay alike. */
  uniform: boolean
}

/** FLAP's scores; its adaptive search compares heads that single queries would keep apart. */
type Fluctuating = { amount: RemovedShare } & (
  | { importance: 'flap'; groupQueries: GroupQueries }
  | { importance: 'flap-adaptive'; groupQueries: 'kv' }
)

/** Of the blocks of a range, or of those that are sought. */
export type HeadsAndChannels = { granularity: 'heads-and-channels'; blocks: Range | null } & (Weighed | Fluctuating)

/** Whole blocks of a range. */
export type Blocks = { granularity: 'blocks'; blocks: Range | null; amount: Amount } & Scoring

/** The same of the whole model. */
export type HiddenChannels = { granularity: 'hidden-channels'; reduction: Reduction; amount: Amount } & Scoring

/**
 * What goes, and how it is chosen: what does not go together cannot be written down.
 * @property blocks - first block, and the one behind the last; null: all, or what is sought
 */
export type Shrink = HeadsAndChannels | Blocks | HiddenChannels

export type Granularity = Shrink['granularity']

interface ShrinkJob {
  windows: Windows
  out: string
  /** Tokens on which the written model is compared and timed. */
  check: Int32Array
}

export interface ShrinkArgs extends ShrinkJob, Pick<CompanionOptions, 'done'> {
  dir: string
  what: Shrink
}

/** @property beside - what is written beside the model */
export interface RemovingJob extends ShrinkJob {
  beside: CompanionOptions
}

/** What went of a block: some heads and channels, all of it, or hidden channels, the same of every block. */
export type RemovedFromBlock =
  | { block: number; kvHeads: number; queryHeads: number; channels: number }
  | { block: number; whole: true }
  | { block: number; hiddenChannels: number }

/** What went, and what of it is to be checked. */
export interface Removed {
  /** Every block of the range; or, of whole blocks, those that went. */
  removed: RemovedFromBlock[]
  /** What was sought, if anything was: of which places went how many. */
  sought: { ratio: number; blocks: readonly [from: number, to: number]; heads: boolean } | null
  /** What somebody who uses the written model should know, in sentences. */
  notes: string[]
  /** What a plain run of the written model must give. */
  run: ExpectedRun
  /** Plain runs of base and written model on one window. */
  race: PlainRace['models']
}

export interface ShrunkModel extends Removed {
  run: PlainRun
  /** Trained numbers that are left. */
  parameters: number
  /** Multiplications with weights for each token, the head's included. */
  macs: { before: number; after: number }
  /** Of graph and weights. */
  bytes: { before: number; after: number }
}
