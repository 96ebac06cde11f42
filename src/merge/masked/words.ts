/**
 * Little-endian numbers of 2, 3, 8 or 16 bytes, read as words of 32 bits, and added to numbers of one or several words.
 * A flip of -1 subtracts them: -x is (x ^ -1) + 1. This is where masking and opening spend their time, together with
 * the cipher, so loops have no branches and no call.
 */

/** Adds numbers of 2 bytes, two a word. The high bytes of a sum are of no meaning. */
export function addOfTwo(sums: Int32Array, from: number, words: Int32Array, flip: 0 | -1): void {
  for (let i = 0, at = from; i < words.length; i++, at += 2) {
    const two = words[i]
    sums[at] = (sums[at] + ((two ^ flip) - flip)) | 0
    sums[at + 1] = (sums[at + 1] + (((two >> 16) ^ flip) - flip)) | 0
  }
}

/** Adds numbers of 3 bytes, four in three words. The highest byte of a sum is of no meaning. */
export function addOfThree(sums: Int32Array, from: number, words: Int32Array, flip: 0 | -1): void {
  for (let i = 0, at = from; i < words.length; i += 3, at += 4) {
    const [one, two, three] = [words[i], words[i + 1], words[i + 2]]
    sums[at] = (sums[at] + ((one ^ flip) - flip)) | 0
    sums[at + 1] = (sums[at + 1] + ((((one >>> 24) | (two << 8)) ^ flip) - flip)) | 0
    sums[at + 2] = (sums[at + 2] + ((((two >>> 16) | (three << 16)) ^ flip) - flip)) | 0
    sums[at + 3] = (sums[at + 3] + (((three >>> 8) ^ flip) - flip)) | 0
  }
}

/** Adds numbers of `each` words, with carries. */
export function addLong(sums: Int32Array, from: number, words: Int32Array, each: number, flip: 0 | -1): void {
  for (let i = 0; i < words.length; i += each) {
    let carry = -flip
    for (let k = i; k < i + each; k++) {
      const sum = (sums[from + k] >>> 0) + ((words[k] ^ flip) >>> 0) + carry
      sums[from + k] = sum | 0
      carry = Number(sum >= 2 ** 32)
    }
  }
}

/** The 3 low bytes of each word, little-endian. */
export function bytesOfThree(words: Int32Array, count: number): Uint8Array {
  const bytes = new Uint8Array(3 * count)
  for (let i = 0, at = 0; i < count; i++, at += 3) {
    const word = words[i]
    bytes[at] = word
    bytes[at + 1] = word >> 8
    bytes[at + 2] = word >> 16
  }
  return bytes
}
