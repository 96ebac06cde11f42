/** A text as tokens: windows of one length that do not overlap. */

export interface Windows {
  /** Token ids, row-major [count, length]. */
  ids: Int32Array
  count: number
  length: number
  /** One entry a token: 1 if it is to be predicted, else 0. undefined: all are, except the first of each window. */
  targets?: Uint8Array
}
