/** A text as tokens: windows of one length that do not overlap. */

export interface Windows {
  /** Token ids, row-major [count, length]. */
  ids: Int32Array
  count: number
  length: number
  /** By token, whether it is to be predicted: 1, or 0; undefined: all are, but for the first of each window. */
  targets?: Uint8Array
}
