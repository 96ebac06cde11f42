/** What is removed from a model, how it is chosen, and what is said of the model that is left. */
import type { Windows } from '../../form/windows.ts'
import type { ExpectedRun } from '../../model/write/write.ts'
import type { Beside } from '../../model/write/write-companions.ts'
import type { PlainRace, PlainRun } from '../../runtime/reference-run.ts'
import type { Amount } from '../../structure/choose/amount.ts'
import type { Fluctuation } from '../../structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../../structure/choose/importance.ts'
import type { GroupQueries } from '../../structure/find/follow.ts'

/** What goes: heads and channels of blocks, whole blocks, or hidden channels of the whole model. */
export type Granularity = 'block' | 'layer' | 'channel'

export interface ShrinkArgs extends Pick<Beside, 'done'> {
  dir: string
  granularity: Granularity
  /** A fluctuation: of heads and channels alone. */
  importance: Criterion | Fluctuation
  /** For random importance. */
  seed: number
  reduction: Reduction
  amount: Amount
  /** Whether what reads removed places is fitted anew. */
  refit: boolean
  /** Heads and channels go in so many steps. */
  steps: number
  groupQueries: GroupQueries
  /** Whether Hugging Face tools are to load what is written. */
  uniform: boolean
  /** First block, and the one behind the last; null: all, or what is sought. */
  blocks: [from: number, to: number] | null
  windows: Windows
  out: string
  /** Tokens on which the written model is compared and timed. */
  check: Int32Array
}

/** @property beside - what is written beside the model */
export type RemovingArgs = Omit<ShrinkArgs, 'done'> & { beside: Beside }

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
