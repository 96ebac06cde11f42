/**
 * The computations of a peer, and what it need not know to take part: no model, no text and no ONNX Runtime is seen
 * from here. Contributions and merged blocks are files.
 */
import type { BlockFit } from '../../src/form/block-fit.ts'
import type { MaskedOpenings } from '../../src/jobs/federation/masked-opening.ts'
import type { StreamKey } from '../../src/merge/masked/streams.ts'

/**
 * Why a pruning ends: the user stops this peer. A Work whose blocks outlast it may finish the one that it is at; with
 * any other reason nobody needs what it does.
 */
export class PeerStoppedError extends Error {
  static name = 'PeerStoppedError'

  constructor(cause: unknown) {
    super('the peer has been stopped', { cause })
  }
}

export interface PruneJob {
  /** The slots of one round: see src/merge/slots.ts. */
  slots: number[]
  /** Block -> file of its merge, through which text flows where this job does not prune; absent: base. */
  merged: ReadonlyMap<number, string>
  /** See PeerStoppedError. */
  signal: AbortSignal
  /**
   * The contribution to a slot is done. Slots come in ascending order, one at a time.
   * @param file - its encoded contribution: on the disk, and never written again, so that it may get a second name
   */
  onBlock(slot: number, file: string): Promise<void>
  onProgress?(done: number, total: number): void
}

interface BlockMerge {
  block: number
  /** Where the encoded MergedBlock goes. */
  out: string
  /** The merged block that moved bits are counted against; null: all kept. */
  previous: string | null
}

/** In an open plan the encoded contributions in any order; in a masked one what its sums are opened with. */
export type MergeJob = BlockMerge & (PlainFiles | { masked: MaskedOpenings })

interface PlainFiles {
  files: string[]
  /** This site's own mean squares, where these are pooled: see src/jobs/federation/merge.ts. */
  own?: string | null
}

/** A total that no sum of honest parts can be, in words: the block is not merged. */
export interface ImpossibleTotal {
  impossible: string
}

export interface MergedBlockReport {
  root: Uint8Array
  /** Mask bits that differ from `previous`. */
  moved: number
  /** Mask bits of the block. */
  bits: number
  zeros: number
  /** The reason for which a total does not fit this site's own part, in words; null: it fits, or none is known. */
  doubt: string | null
  /** Figures for reports; absent: this Work has none. */
  fit?: BlockFit
}

export interface Work {
  /** The site's calibration text, as the text ledger knows it: see src/files/fingerprint.ts. */
  readonly textFingerprint: string
  /** Decoder blocks of the model. */
  readonly blocks: number
  /** Weights of the layers of a block that can be pruned: what a block that nobody contributes has as mask bits. */
  maskBits(block: number): number
  /** The most bytes that a contribution to a slot (src/merge/slots.ts) can have under the plan. */
  maxContributionBytes(slot: number): number
  prune(job: PruneJob): Promise<void>
  /**
   * The files of these slots' blocks as this site alone has pruned them; null: its contributions tell, merged by
   * themselves.
   */
  alone(slots: readonly number[]): ReadonlyMap<number, string> | null
  /** The file of this site's own plain contribution to a slot, as `prune` has handed it over; null: it has none. */
  own(slot: number): string | null
  /** Null if good, else a reason. */
  validate(slot: number, file: string): Promise<string | null>
  /**
   * Masks a plain contribution to a slot.
   * @param file - as `prune` hands it over
   * @param out - where the masked vector goes, durably
   * @returns its length in bytes
   */
  mask(slot: number, file: string, streams: StreamKey[], out: string): Promise<number>
  merge(job: MergeJob): Promise<MergedBlockReport | ImpossibleTotal>
  /**
   * The perplexity of the model with these merged blocks, and the base's elsewhere, on this site's own text; Infinity
   * where it gives no numbers.
   * @param merged - as in a PruneJob
   */
  perplexity(merged: ReadonlyMap<number, string>, signal: AbortSignal): Promise<number>
  /** Writes the model directory with these merged blocks. Whoever aborts removes what is there by then. */
  writeModel(merged: ReadonlyMap<number, string>, out: string, signal: AbortSignal): Promise<void>
}
