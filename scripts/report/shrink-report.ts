/** The report of a model that was made smaller, which --json prints. */
import type { RemovedFromBlock } from '../../src/jobs/structure/shrink-args.ts'
import type { MachineReport } from './machine.ts'
import type { CalibrationReport } from './prune-report.ts'
import type { TimeChange } from './time-change.ts'

/** The times of runs in plain ONNX Runtime, base and smaller model in turns. */
export interface SpeedReport extends TimeChange {
  /** The number of tokens that are read in a run. */
  tokens: number
}

export interface ShrinkReport {
  model: string
  calibration: CalibrationReport
  parameters: { before: number; after: number }
  /** Multiplications with weights for each token, the head's included. */
  macs: { before: number; after: number }
  /**
   * One entry for each block of the range: heads with the queries that share their keys and values, or queries whose
   * keys and values stay. Of whole blocks, only those that were removed. Hidden channels are the same in every block.
   */
  removed: RemovedFromBlock[]
  /** With --parameters: the ratio, the blocks, and whether heads were removed as well as channels. */
  sought?: { ratio: number; blocks: readonly [from: number, to: number]; heads: boolean }
  perplexity: Array<{
    text: string
    tokens: number
    window: number
    dense: number
    pruned: number
    /** null: without --recover. */
    recovered: number | null
  }>
  /** The number of training steps, and the step whose adapters were kept. */
  recovery: { steps: number; taken: number } | null
  /**
   * Reading a window of calibration length, and writing one token after it; null if both models did not fit into
   * memory. Writing is also null if the graph keeps no keys and values.
   */
  speed: { reading: SpeedReport | null; writing: SpeedReport | null }
  /** Bytes of the model's graph and weights. */
  bytes: { before: number; after: number }
  seconds: number
  machine: MachineReport
  peakMemoryBytes: number
  out: string
}
