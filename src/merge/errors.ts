/**
 * The reasons for which a contribution or a merged block is refused. The author is at fault, or whoever damaged the
 * bytes on the way.
 */

/**
 * The reasons. MAGIC, VERSION, KIND, RESERVED: the header is another one. FORM: the layers or shapes are not those of
 * the block's form. LENGTH: there are too few or too many bytes. PADDING: bits behind the end of a mask are set.
 * STATISTIC: a mean square is NaN, infinite, negative or -0, or importances are no whole numbers of the common total.
 * VALUE: a survivor or a number of an adapter is NaN, infinite or -0. ZEROS: the mask has other counts of zeros than
 * the pruner's. NORM, PEAK: a layer or a factor of an adapter is beyond its bounds. COSINE: a layer has another
 * direction than the base's.
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
  | 'COSINE'

/** A contribution that an honest author never makes. It is refused, and counts against the author. */
export class InvalidContributionError extends Error {
  static readonly code = 'INVALID_CONTRIBUTION'
  readonly name = 'InvalidContributionError'
  readonly code = InvalidContributionError.code
  readonly reason: FaultReason
  /** Role of the layer at fault; null if the whole block or a layer input is. */
  readonly layer: number | null

  constructor(reason: FaultReason, message: string, layer: number | null = null) {
    super(layer === null ? message : `layer ${layer}: ${message}`)
    this.reason = reason
    this.layer = layer
  }
}

/** Bytes that are not a merged block of this form: the file is damaged, or its name belongs to another. */
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

/**
 * An opened total that no sum of honest parts can be. Nobody's fault is shown: single parts are not known. The reason
 * names the place within the block.
 */
export class ImpossibleTotalError extends Error {
  static readonly code = 'IMPOSSIBLE_TOTAL'
  readonly name = 'ImpossibleTotalError'
  readonly code = ImpossibleTotalError.code
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/** A class of error that a decoder throws. */
export type FaultClass = new (reason: FaultReason, message: string, layer?: number | null) => Error
