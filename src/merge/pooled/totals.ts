/**
 * The totals of mean squares: what a block is merged to between its two contributions, where second moments are pooled.
 * Its weights are the base's until the products have come. Plain contributions are added up here, masked ones in
 * masked/totals.ts: to the same bits, and from totals on there is one merge.
 */
import type { BlockForm } from '../../form/block-form.ts'
import { FrameReader, kindOf, writeFrame } from '../bytes.ts'
import { InvalidMergedBlockError } from '../errors.ts'
import type { BlockContribution } from '../masks/contribution.ts'
import { summedSquares } from '../masks/saliency.ts'

const HEAD = { magic: 'COPT', version: 1 }
const KIND = 1

/** The sums of all that members offer to a block. One entry a layer input. */
export interface PooledTotals {
  /** The members that have offered mean squares. */
  sites: number
  /** The totals of mean squares, [cols]: the diagonal. */
  meanSquares: readonly Float64Array[]
  /** Sums of products, one a pair i < j; null: none have been offered. */
  products: readonly Int32Array[] | null
}

/** One array a layer input, [cols]: the exact sum of the members' mean squares, rounded once. */
export function totalsOf({ inputs }: BlockForm, contributions: readonly BlockContribution[]): Float64Array[] {
  return inputs.map((cols, input) => summedSquares(contributions, input, cols, 0))
}

export function encodeTotals(totals: readonly Float64Array[]): Uint8Array {
  return writeFrame({ ...HEAD, kind: KIND }, [...totals])
}

/** Whether bytes claim to be totals. */
export function areTotals(bytes: Uint8Array): boolean {
  return kindOf(bytes, HEAD) === KIND
}

/** @throws {InvalidMergedBlockError} MAGIC, VERSION, KIND, RESERVED or LENGTH: the bytes are not that one encoding */
export function decodeTotals({ inputs }: BlockForm, bytes: Uint8Array): Float64Array[] {
  const reader = new FrameReader(bytes, HEAD, [KIND], InvalidMergedBlockError)
  const totals = inputs.map((cols) => reader.float64s(cols))
  reader.end()
  return totals
}
