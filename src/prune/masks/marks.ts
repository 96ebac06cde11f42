/**
 * Marks are one byte a weight, used while a mask is chosen (1 = becomes zero). The mask is their complement in bits.
 */

/**
 * Clears the mask bits offset + i for which marks[start + i] is 1, i < length. Writes whole bytes where mask and marks
 * line up.
 */
export function dropMarked(mask: Uint8Array, offset: number, marks: Uint8Array, start: number, length: number): void {
  const end = start + length
  let bit = offset
  let i = start
  for (; i < end && (bit & 7) !== 0; i++, bit++) mask[bit >> 3] &= ~(marks[i] << (bit & 7))
  for (; i + 8 <= end; i += 8, bit += 8) {
    const low = marks[i] | (marks[i + 1] << 1) | (marks[i + 2] << 2) | (marks[i + 3] << 3)
    const high = marks[i + 4] | (marks[i + 5] << 1) | (marks[i + 6] << 2) | (marks[i + 7] << 3)
    mask[bit >> 3] &= ~(low | (high << 4))
  }
  for (; i < end; i++, bit++) mask[bit >> 3] &= ~(marks[i] << (bit & 7))
}
