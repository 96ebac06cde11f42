/** The report of a prune at one site alone, which --json prints. */
import type { LayerReport } from './layers.ts'
import type { MachineReport } from './machine.ts'

export interface CalibrationReport {
  /** Names of the text's files. */
  texts: string[]
  windows: number
  /** Tokens a window. */
  window: number
}

export interface PruneReport {
  model: string
  pruner: string
  /** Share of zeros in all weight matrices of the blocks of the written model. */
  sparsity: number
  zeros: number
  weights: number
  /** The number of zeros of the base there. */
  baseZeros: number
  /** The text that was calibrated on: names, windows, tokens a window; null: none was used. */
  calibration: CalibrationReport | null
  layers: Array<Omit<LayerReport, 'agreement'>>
  /** Weight matrices in the blocks that are not layers, and stay unchanged. */
  unpruned: Array<{ name: string; block: number; weights: number; zeros: number; reason: string }>
  perplexity: Array<{ text: string; tokens: number; window: number; dense: number; pruned: number }>
  seconds: { total: number; forward: number; statistics: number; solve: number; write: number }
  machine: MachineReport
  peakMemoryBytes: number
  out: string
}
