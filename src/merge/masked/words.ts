/**
 * Little-endian numbers of 1 to 16 bytes, read as words of 32 bits, and added to numbers of one or several words. A
 * flip of -1 subtracts them: -x is (x ^ -1) + 1. This is where masking and opening spend their time, together with the
 * cipher, so loops have no branches, and no call but one that is inlined.
 */

/** The highest bit of each byte. */
const TOP_BITS = 0x80808080

/**
 * Adds numbers of 1 byte, four a word, to such words. The low 7 bits of each byte are added by themselves, so that none
 * is carried into the next byte; the top bit of a sum without carry is an exclusive or.
 */
export function addOfOne(sums: Int32Array, from: number, words: Int32Array, flip: 0 | -1): void {
  const low = ~TOP_BITS
  const one = 0x01010101 & flip
  for (let i = 0, at = from; i < words.length; i++, at++) {
    const four = words[i] ^ flip
    const negated = ((four & low) + one) ^ (four & TOP_BITS)
    const sum = sums[at]
    sums[at] = ((sum & low) + (negated & low)) ^ ((sum ^ negated) & TOP_BITS)
  }
}

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

/** Adds numbers of 5 bytes, four in five words, to numbers of two words. The three highest bytes have no meaning. */
export function addOfFive(sums: Int32Array, from: number, words: Int32Array, flip: 0 | -1): void {
  for (let i = 0, at = from; i < words.length; i += 5, at += 8) {
    const [one, two, three, four, five] = [words[i], words[i + 1], words[i + 2], words[i + 3], words[i + 4]]
    addTwoWords(sums, at, one, two, flip)
    addTwoWords(sums, at + 2, (two >>> 8) | (three << 24), three >>> 8, flip)
    addTwoWords(sums, at + 4, (three >>> 16) | (four << 16), four >>> 16, flip)
    addTwoWords(sums, at + 6, (four >>> 24) | (five << 8), five >>> 24, flip)
  }
}

function addTwoWords(sums: Int32Array, at: number, low: number, high: number, flip: 0 | -1): void {
  const sum = (sums[at] >>> 0) + ((low ^ flip) >>> 0) - flip
  sums[at] = sum | 0
  sums[at + 1] = sums[at + 1] + (high ^ flip) + Number(sum >= 2 ** 32)
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

/** The 5 low bytes of each two words, little-endian. */
export function bytesOfFive(words: Int32Array, count: number): Uint8Array {
  const bytes = new Uint8Array(5 * count)
  for (let i = 0, at = 0; i < 2 * count; i += 2, at += 5) {
    const word = words[i]
    bytes[at] = word
    bytes[at + 1] = word >> 8
    bytes[at + 2] = word >> 16
    bytes[at + 3] = word >> 24
    bytes[at + 4] = words[i + 1]
  }
  return bytes
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
