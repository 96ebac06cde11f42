/** The report of a federation, which --json prints and report.json holds. Shares are fractions, hashes hexadecimal. */
import type { RefusedMessages } from '../../peers/network/refused.ts'
import type { CertifiedShare } from '../../peers/work/certified-share.ts'
import type { Offer } from '../../protocols/plan/offer.ts'
import { ppmToFraction } from '../../src/base/decimal.ts'
import type { MergeRule } from '../../src/form/merging.ts'
import type { Method } from '../../src/form/method.ts'
import type { LayerReport, PrunedLayers } from './layers.ts'
import type { MachineReport } from './machine.ts'
import type { ReportedPhase } from './rounds.ts'
import type { SiteReport } from './site-report.ts'
import type { TimesReport } from './times.ts'

export interface PlanReport {
  /** The federation's id: the plan's hash. */
  id: string
  pruner: Method['pruner']
  /** null with a pattern, and when structures are removed. */
  sparsity: number | null
  /** 'n:m', or null. */
  pattern: string | null
  /**
   * Only if structures are removed: the share of each kind's places, the first block and the one behind the last, and
   * the steps of training in a round.
   */
  structures?: { ratio: number; blocks: [from: number, to: number]; steps: number }
  merge: MergeRule
  /** Whether only sums of contributions can be seen. */
  masked: boolean
  /** The largest number of rounds. */
  rounds: number
  sample: number
  /** Calibration windows of each site, and tokens a window. */
  windows: number
  window: number
  model: { name: string; hash: string; parameters: number }
}

export interface PeerReport {
  /** Peer id. */
  id: string
  site: string
  capacity: number
  /** Root of the merged layers that this peer has computed. */
  root: string
  /** Bytes written to sockets. */
  sentBytes: number
  receivedBytes: number
  /** As in LeftReport. */
  ownBytes: number
  othersBytes: number
  /** Bytes of this peer's own contributions, each counted once. */
  payloadBytes: number
  /** As in SiteReport. */
  refused: RefusedMessages[]
  seconds: number
}

/** Rounds of a masked plan have a phase. */
export interface ReportedRound extends Partial<ReportedPhase> {
  round: number
  /** Number of contributions to blocks in the manifest. */
  contributions: number
  /** Blocks that have base weights so far. */
  uncovered: number[]
  /** The share of mask bits that moved. */
  maskChange: number
  /** Id of the certificate. */
  certificate: string
  /** Bytes that all peers wrote to sockets in this round. */
  bytes: number
}

export interface PerplexityReport {
  /** The kind of text. */
  text: string
  /** Number of predictions: windows * (window - 1). */
  tokens: number
  windows: number
  window: number
  dense: number
  /** One value a peer: the model pruned by it alone, all blocks, on its own windows. null: not run. */
  isolated: number[] | null
  /** The same before any training; only if structures are removed in more than one round. */
  isolatedFirst?: number[]
  /** The same sites by FedSpaLLM's rule `l0`, in one round of all blocks, beside one that pools. null: not run. */
  l0: number | null
  /** Plain averages of the last manifest under the final masks; with `l0`, of its manifest. null: not run. */
  fedavg: number | null
  /** The model pruned on the calibration windows of all sites together, all blocks. null: not run. */
  pooledText: number | null
  /** One value a round. */
  rounds: number[]
  /** The value after the last round. */
  federated: number
}

export interface FederationReport {
  /** Version of the program. */
  coppice: string
  plan: PlanReport
  peers: PeerReport[]
  rounds: ReportedRound[]
  /**
   * Zeros in the written matrices of all blocks: `zeros` of `weights`. If structures are removed: the removed units,
   * and the number of all units. `model` is the directory that was written.
   */
  result: { root: string; sparsity: number; zeros: number; weights: number; model: string }
  /** The mask bits that no liars could have changed; null if the plan's rule does not tell. */
  certified: CertifiedShare | null
  /** null: structures were removed. */
  layers: LayerReport[] | null
  errorOf: PrunedLayers['errorOf']
  /** Whose masks the agreement in `layers` is of: this plan's, or those of the comparison `l0`; null: there is none. */
  agreementOf: 'plan' | 'l0' | null
  perplexity: PerplexityReport[]
  /** Whose texts perplexity was measured on, in a sentence. */
  evaluated: string
  /** When sites were heard, by the founder's clock; members are numbers in `peers`. null: nothing was heard. */
  times: TimesReport | null
  machine: MachineReport
  seconds: number
  peakMemoryBytes: number
}

/** The report at the end of `peer` and `join`: one site's view. */
export interface MemberReport extends SiteReport {
  coppice: string
  plan: PlanReport
  federation: string
  peer: string
  root: string
  /** One certificate id a round. */
  certificates: string[]
  /** As in `result` of FederationReport. */
  sparsity: number
  zeros: number
  weights: number
  /** As in FederationReport. */
  certified: CertifiedShare | null
  /** As in FederationReport; agreement is of this plan's masks. */
  layers: LayerReport[] | null
  errorOf: PrunedLayers['errorOf']
  machine: MachineReport
  out: string
}

export function planReport(id: string, offer: Offer, hex: (bytes: Uint8Array) => string): PlanReport {
  const { name, hash, parameters } = offer.model
  return {
    id,
    pruner: offer.method.pruner,
    ...targetReport(offer.method.target),
    merge: offer.merge,
    masked: offer.masked,
    rounds: offer.rounds,
    sample: ppmToFraction(offer.sample),
    windows: offer.windows,
    window: offer.window,
    model: { name, hash: hex(hash), parameters },
  }
}

function targetReport(target: Method['target']): Pick<PlanReport, 'sparsity' | 'pattern' | 'structures'> {
  const none = { sparsity: null, pattern: null }
  switch (target.kind) {
    case 'pattern':
      return { ...none, pattern: `${target.n}:${target.m}` }
    case 'unstructured':
      return { ...none, sparsity: ppmToFraction(target.ppm) }
    case 'structured': {
      const { ppm, from, to, steps } = target
      return { ...none, structures: { ratio: ppmToFraction(ppm), blocks: [from, to], steps } }
    }
  }
}
