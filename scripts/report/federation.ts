/** The report of a federation: what --json prints and report.json holds. Shares are fractions, hashes hexadecimal. */
import type { Offer } from '../../protocols/plan/offer.ts'
import { ppmToFraction } from '../../src/base/decimal.ts'
import type { Method } from '../../src/form/method.ts'
import type { SiteReport } from './site-report.ts'

export interface PlanReport {
  /** The federation's id: the plan's hash. */
  id: string
  pruner: Method['pruner']
  /** null under a pattern, and where structures are removed. */
  sparsity: number | null
  /** 'n:m', or null. */
  pattern: string | null
  /**
   * Where structures are removed: of each kind's places, from a block up to another, with steps of training a round.
   */
  structures?: { ratio: number; blocks: [from: number, to: number]; steps: number }
  merge: 'l0'
  /** At most. */
  rounds: number
  sample: number
  model: { name: string; hash: string; parameters: number }
}

export interface PeerReport {
  /** Peer id. */
  id: string
  site: string
  capacity: number
  /** Root of the merged layers, as this peer has merged them. */
  root: string
  /** Bytes written to sockets. */
  sentBytes: number
  receivedBytes: number
  /** Bytes of this peer's own contributions: what left its site once. */
  payloadBytes: number
  seconds: number
}

export interface RoundReport {
  round: number
  /** Entries of the manifest. */
  contributions: number
  /** Blocks that nobody has contributed so far: base weights. */
  uncovered: number[]
  /** Share of mask bits that moved. */
  maskChange: number
  /** Id of the certificate. */
  certificate: string
  /** What all peers wrote to sockets in this round. */
  bytes: number
}

export interface PerplexityReport {
  /** What kind of text. */
  text: string
  /** Predictions: windows * (window - 1). */
  tokens: number
  windows: number
  window: number
  dense: number
  /** By peer: pruned alone, all blocks, on its own windows. null: not run. */
  isolated: number[] | null
  /** The same before any training, where structures are removed in more than one round. */
  isolatedFirst?: number[]
  /** Plain averages of the last manifest under the final masks. null: not run. */
  fedavg: number | null
  /** After each round. */
  rounds: number[]
  /** After the last. */
  federated: number
}

export interface FederationReport {
  /** Version of the program. */
  coppice: string
  plan: PlanReport
  peers: PeerReport[]
  rounds: RoundReport[]
  /**
   * `zeros` of the `weights` of all matrices in the blocks, as they were written; or structures that are gone, and of
   * how many. `model` is the directory that was written.
   */
  result: { root: string; sparsity: number; zeros: number; weights: number; model: string }
  perplexity: PerplexityReport[]
  seconds: number
  peakMemoryBytes: number
}

/** What `peer` and `join` end with: one site's view. */
export interface MemberReport extends SiteReport {
  federation: string
  peer: string
  root: string
  /** Ids, by round. */
  certificates: string[]
  /** As FederationReport has them in `result`. */
  sparsity: number
  zeros: number
  weights: number
  out: string
}

export function planReport(id: string, offer: Offer, hex: (bytes: Uint8Array) => string): PlanReport {
  const { name, hash, parameters } = offer.model
  return {
    id,
    pruner: offer.method.pruner,
    ...targetReport(offer.method.target),
    merge: offer.merge,
    rounds: offer.rounds,
    sample: ppmToFraction(offer.sample),
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
