/** The arguments of a shrink: what to remove and how to choose it. Also its result. */
import type { Windows } from '../../form/windows.ts'
import type { ExpectedRun } from '../../model/write/write.ts'
import type { CompanionOptions } from '../../model/write/write-companions.ts'
import type { PlainRace, PlainRun } from '../../runtime/reference-run.ts'
import type { Amount, KeptShare, RemovedShare } from '../../structure/choose/amount.ts'
import type { Importance, Reduction } from '../../structure/choose/importance.ts'
import type { GroupQueries } from '../../structure/find/walk.ts'

type Range = readonly [from: number, to: number]

/** The importance of single weights; `random` draws the scores. */
type Scoring = { importance: Importance } | { importance: 'random'; seed: number }

/** Removal in several steps. Each step takes gradients of the model that is left. */
interface Stepwise {
  importance: Exclude<Importance, 'l2'>
  steps: number
  amount: RemovedShare
}

/** A choice by importances of single weights. */
type Weighed = ((Scoring & { amount: RemovedShare }) | Stepwise | (Scoring & { amount: KeptShare })) & {
  groupQueries: GroupQueries
  /** How scores of coupled places are combined. */
  reduction: Reduction
  /** Whether the layers that read removed places are fitted again. */
  refit: boolean
  /** Whether Hugging Face tools must be able to load the result: then all blocks stay alike. */
  uniform: boolean
}

/** A choice by FLAP's scores. Its adaptive search compares all heads, so it cannot remove single queries. */
type Fluctuating = { amount: RemovedShare } & (
  | { importance: 'flap'; groupQueries: GroupQueries }
  | { importance: 'flap-adaptive'; groupQueries: 'kv' }
)

/** Heads and channels of the blocks of a range; blocks null: all, or those that a search chooses. */
export type HeadsAndChannels = { granularity: 'heads-and-channels'; blocks: Range | null } & (Weighed | Fluctuating)

/** Whole blocks within a range. */
export type Blocks = { granularity: 'blocks'; blocks: Range | null; amount: Amount } & Scoring

/** The same hidden channels of the whole model. */
export type HiddenChannels = { granularity: 'hidden-channels'; reduction: Reduction; amount: Amount } & Scoring

/**
 * The removal that is asked for, and how it is chosen. The type has no way to write options that exclude each other.
 * @property blocks - the first block, and the block behind the last one; null: all, or those that a search chooses
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

/** @property beside - the files to write beside the model */
export interface RemovingJob extends ShrinkJob {
  beside: CompanionOptions
}

/**
 * The units removed from a block: heads and channels, the whole block, or hidden channels (the same in every block).
 */
export type RemovedFromBlock =
  | { block: number; kvHeads: number; queryHeads: number; channels: number }
  | { block: number; whole: true }
  | { block: number; hiddenChannels: number }

/** The result of a removal, and the checks that it needs. */
export interface Removed {
  /** One entry for each block of the range; of whole blocks, only those that were removed. */
  removed: RemovedFromBlock[]
  /** The result of the search: the ratio, the blocks, and whether heads are removed; null: there was no search. */
  sought: { ratio: number; blocks: readonly [from: number, to: number]; heads: boolean } | null
  /** Notes for a user of the written model, in sentences. */
  notes: string[]
  /** The expected result of a plain run of the written model. */
  run: ExpectedRun
  /** Plain runs of base and written model on one window. */
  race: PlainRace['models']
}

export interface ShrunkModel extends Removed {
  run: PlainRun
  /** The number of parameters that are left. */
  parameters: number
  /** Multiplications with weights for each token, the head's included. */
  macs: { before: number; after: number }
  /** Bytes of graph and weights. */
  bytes: { before: number; after: number }
}
