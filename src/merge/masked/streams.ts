/**
 * The streams that hide a member's vector: see docs/protocol.md, "Masked vectors". Masking adds them, opening subtracts
 * those that the sum of a list still holds.
 */

/** A stream, and how masking takes it in: added (1) or subtracted (-1). */
export interface StreamKey {
  /** 32 bytes. */
  key: Uint8Array
  sign: 1 | -1
}
