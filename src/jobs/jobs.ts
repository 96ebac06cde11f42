/** What the engine can be asked to do: arguments and results, plain data that crosses threads. */
import type { BlockForm } from '../form/block-form.ts'
import type { Method, PrunerName, SparsityTarget, StructuredTarget } from '../form/method.ts'
import type { LayerInfo } from '../model/forward/decoder.ts'
import type { UnprunedMatrix } from '../model/graph/unfollowed.ts'
import type { TextSource } from '../model/text/text.ts'
import type { LeftBehind } from '../model/write/companions.ts'
import type { ComparedModel, ExpectedRun } from '../model/write/write.ts'
import type { Beside } from '../model/write/write-companions.ts'
import type { BlockZeros } from '../model/write/zeros.ts'
import type { OtherPrune } from '../prune/run/checkpoint.ts'
import type { PruneSeconds } from '../prune/run/sequential.ts'
import type { Look, TrainSettings } from '../recover/train.ts'
import type { PlainAttempt, PlainRace } from '../runtime/reference-run.ts'
import type { Amount } from '../structure/choose/amount.ts'
import type { StructureDescription } from '../structure/choose/describe.ts'
import type { Fluctuation } from '../structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../structure/choose/importance.ts'
import type { GroupQueries } from '../structure/find/walk.ts'

export interface ModelDescription {
  name: string
  parameters: number
  blocks: number
  /** By block. */
  forms: BlockForm[]
  layers: LayerInfo[]
  /** Matrices of blocks that are no layers: nothing prunes them. */
  unpruned: UnprunedMatrix[]
  /** The longest window that config.json allows. */
  maxWindow: number | undefined
  /** The only one that the graph takes. */
  fixedWindow: number | undefined
}

/** Which windows a model takes. */
export type WindowLimits = Pick<ModelDescription, 'maxWindow' | 'fixedWindow'>

/**
 * Weights of blocks that differ from the base: files of encoded MergedBlocks or StructuredBlocks, or of stored float32
 * blocks.
 */
export interface BlockFile {
  block: number
  kind: 'merged' | 'structured' | 'stored'
  path: string
}

export interface TokenWindows {
  /** Row-major [count, length]. */
  ids: Int32Array
  count: number
  length: number
  /** By token, whether it is to be predicted: 1, or 0; undefined: all are. */
  targets?: Uint8Array
}

export interface PrunedBlockReport {
  block: number
  /** The contribution or the stored block. */
  path: string
  bytes: number
  /** By role. */
  damping: (number | null)[]
}

export interface PruneArgs {
  dir: string
  pruner: PrunerName
  target: SparsityTarget
  /** Ascending. */
  blocks: number[]
  windows: TokenWindows | undefined
  weights: BlockFile[]
  out: string
  as: 'contribution' | 'stored'
  /** null: nothing outlasts an interruption. */
  resume: { modelHash: Uint8Array; other: OtherPrune } | null
}

export interface ContributeArgs {
  dir: string
  target: StructuredTarget
  /** Ascending. */
  blocks: number[]
  windows: TokenWindows
  /** Of the last certificate, structured; empty: there is none. */
  weights: BlockFile[]
  /** Contributions, and what of them can be used again. */
  out: string
  modelHash: Uint8Array
}
/** What goes: heads and channels of blocks, whole blocks, or hidden channels of the whole model. */
export type Granularity = 'block' | 'layer' | 'channel'

export interface ShrinkArgs extends Pick<Beside, 'apart' | 'done'> {
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
  windows: TokenWindows
  out: string
  /** Tokens on which the written model is compared and timed. */
  check: Int32Array
}

/** What went of a block: some heads and channels, all of it, or hidden channels, the same of every block. */
export type RemovedFromBlock =
  | { block: number; kvHeads: number; queryHeads: number; channels: number }
  | { block: number; whole: true }
  | { block: number; hiddenChannels: number }

export interface ShrunkModel {
  /** Trained numbers that are left. */
  parameters: number
  /** Multiplications with weights for each token, the head's included. */
  macs: { before: number; after: number }
  /** Every block of the range; or, of whole blocks, those that went. */
  removed: RemovedFromBlock[]
  /** What was sought, if anything was: of which places went how many. */
  sought: { ratio: number; blocks: readonly [from: number, to: number]; heads: boolean } | null
  /** What somebody who uses the written model should know, in sentences. */
  notes: string[]
  /** Of graph and weights. */
  bytes: { before: number; after: number }
  /** What a plain run of the written model must give. */
  run: ExpectedRun
  /** Plain runs of base and written model on one window. */
  race: PlainRace['models']
}

export interface RecoverArgs {
  dir: string
  /** What is learnt, and the rows kept out. */
  rows: TokenWindows
  /** Of the text, for people. */
  name: string
  settings: TrainSettings
  /** A checkpoint, and the recovered blocks. */
  out: string
  modelHash: Uint8Array
}

export interface RecoveredModel {
  /** Steps done, which are fewer than asked for where nothing got better any more. */
  steps: number
  /** Loss before the first step, and before the last. */
  loss: { first: number; last: number }
  /** The adapters that were taken, and the model before. */
  best: Look
  before: Look
  rows: { learnt: number; keptOut: number }
  /** Numbers that were trained. */
  trained: number
  /** Layers whose zeros stayed zeros. */
  heldLayers: number
  /** All blocks. */
  weights: BlockFile[]
  /** Of training, looks included, since this run began. */
  seconds: number
}

export interface Jobs {
  describe: { args: { dir: string }; result: ModelDescription }
  /** SHA-256 over graph, weights and tokenizer. */
  hash: { args: { dir: string }; result: Uint8Array }
  /** `wanted`: how many tokens are enough; all by default. */
  tokenise: {
    args: { dir: string; source: TextSource; separator: string | undefined; wanted?: number }
    result: Int32Array
  }
  /**
   * Prunes blocks; each is written to `out` as it is done, as a contribution or as float32 weights, and reported. With
   * `resume`, `out` is a checkpoint: what it holds of this very prune is reported first and not pruned again.
   */
  prune: { args: PruneArgs; result: PruneSeconds }
  /** What a site offers where structures are removed; each block's file is reported. */
  contribute: { args: ContributeArgs; result: null }
  /**
   * By block, how long such a contribution can be, and how many units there are. Refuses models that cannot be cut, and
   * a share by which nothing would go.
   */
  structuredForms: {
    args: { dir: string; from: number; to: number; ppm: number }
    result: { bytes: number[]; units: number[] }
  }
  /** How many blocks a checkpoint holds of this very prune, and their seconds; null: it holds nothing. */
  unfinished: { args: PruneArgs; result: { blocks: number; seconds: PruneSeconds } | null }
  evaluate: {
    args: { dir: string; windows: TokenWindows; weights: BlockFile[] }
    result: { perplexity: number; tokens: number }
  }
  /** null if the contribution is good, else a reason. */
  validate: {
    args: { dir: string; method: Method; block: number; path: string }
    result: string | null
  }
  merge: {
    args: {
      dir: string
      method: Method
      block: number
      paths: string[]
      out: string
      previous: string | null
    }
    /** Mask bits; where structures are removed, units. */
    result: { root: Uint8Array; moved: number; bits: number; zeros: number }
  }
  /** Plain averages over all contributors under the merged mask: the FedAvg baseline. */
  fedavg: {
    args: {
      dir: string
      pruner: PrunerName
      target: SparsityTarget
      block: number
      paths: string[]
      merged: string
      out: string
    }
    result: { path: string }
  }
  write: {
    /** `uniform`: `dir` holds a model.safetensors, and `out` is to hold the same of what is written. */
    args: { dir: string; weights: BlockFile[]; out: string; check: Int32Array; uniform?: boolean } & Pick<
      Beside,
      'apart' | 'done'
    >
    /** What a plain run of the written model on the tokens to check must give, and its zeros. */
    result: { run: ExpectedRun; zeros: BlockZeros }
  }
  /** Files of a model's directory that would not come along with what is written. @throws as companionsOf does */
  leftBehind: { args: { dir: string; apart: readonly string[] }; result: LeftBehind[] }
  /** Compares a written model directory with the base and these blocks, byte for byte. */
  compare: {
    /** `scratch`: a directory that is not there, for a smaller model. */
    args: { dir: string; weights: BlockFile[]; written: string; scratch: string }
    result: ComparedModel
  }
  /** A plain run of the model on a few tokens. */
  attempt: { args: { dir: string }; result: Omit<PlainAttempt, 'threads'> }
  /** What can be removed together, block by block. */
  structures: { args: { dir: string; groupQueries: GroupQueries }; result: StructureDescription[] }
  shrink: { args: ShrinkArgs; result: ShrunkModel }
  /** Rows of instructions, padded: see instructionRows. */
  instructions: { args: { dir: string; path: string; length: number }; result: { rows: TokenWindows; skipped: number } }
  /**
   * Trains adapters and adds them to the weights, whose files go to `out`. What `out` holds of this very recovery is
   * gone on with.
   */
  recover: { args: RecoverArgs; result: RecoveredModel }
  /** Steps that a checkpoint holds of this very recovery. */
  unrecovered: { args: RecoverArgs; result: number }
  zeros: { args: { dir: string }; result: BlockZeros }
}

export type JobName = keyof Jobs

/** What a running job reports. */
export type JobEvent =
  | { type: 'progress'; done: number; total: number }
  | { type: 'block'; report: PrunedBlockReport }
  | { type: 'look'; look: Look }

export interface JobContext {
  /** Asks a job to end in good order: see JobOptions.drain. */
  signal: AbortSignal
  emit(event: JobEvent): void
}
