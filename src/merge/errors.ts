/** Why a contribution or a merged block is refused. The author is at fault, or whoever damaged the bytes on the way. */

/**
 * What bytes can be guilty of. FORM: not what the block's form asks (layers, shapes). LENGTH: too short or too long.
 * STATISTIC: a mean of squares is NaN, infinite, negative or -0. VALUE: a survivor is NaN, infinite or -0. ZEROS: other
 * counts than the pruner's. NORM, PEAK: a layer beyond its bounds.
 */
export type FaultReason =
  | 'MAGIC'
  | 'VERSION'
  | 'KIND'
  | 'RESERVED'
  | 'LENGTH'
  | 'FORM'
  | 'STATISTIC'
  | 'PADDING'
  | 'VALUE'
  | 'ZEROS'
  | 'NORM'
  | 'PEAK'

/** A contribution that its author must not have made: it is refused, and counts against the author. */
export class InvalidContributionError extends Error {
  static readonly code = 'INVALID_CONTRIBUTION'
  readonly name = 'InvalidContributionError'
  readonly code = InvalidContributionError.code
  readonly reason: FaultReason
  /** Role of the layer at fault; null where it is the whole block or a layer input. */
  readonly layer: number | null

  constructor(reason: FaultReason, message: string, layer: number | null = null) {
    super(layer === null ? message : `layer ${layer}: ${message}`)
    this.reason = reason
    this.layer = layer
  }
}

/** Bytes that are no merged block of this form: the file is damaged, or not what its name says. */
export class InvalidMergedBlockError extends Error {
  static readonly code = 'INVALID_MERGED_BLOCK'
  readonly name = 'InvalidMergedBlockError'
  readonly code = InvalidMergedBlockError.code
  readonly reason: FaultReason
  readonly layer: number | null

  constructor(reason: FaultReason, message: string, layer: number | null = null) {
    super(layer === null ? message : `layer ${layer}: ${message}`)
    this.reason = reason
    this.layer = layer
  }
}

/** A class of error that a decoder throws. */
export type FaultClass = new (reason: FaultReason, message: string, layer?: number | null) => Error
