/** Writes the few parts of protobuf's wire format that go in front of streamed bytes. */

/** A varint of a non-negative integer below 2^53. */
function varint(value: number): number[] {
  const out: number[] = []
  while (value > 127) {
    out.push((value % 128) | 128)
    value = Math.floor(value / 128)
  }
  out.push(value)
  return out
}

/** Tag and length of a length-delimited field (numbers below 16 take one byte). */
export function fieldHead(number: number, length: number): Uint8Array {
  return Uint8Array.from([number * 8 + 2, ...varint(length)])
}
