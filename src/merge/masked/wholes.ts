/**
 * Many whole numbers modulo 2^(8 width), to which others are added or from which they are subtracted. The others come
 * as bytes, little-endian: a masked vector, or a stream.
 */
import { swapToLittle } from '../bytes.ts'
import { addLong, addOfFive, addOfOne, addOfThree, addOfTwo, bytesOfFive, bytesOfThree } from './words.ts'

/** Bytes of a number. */
type Width = 1 | 2 | 3 | 5 | 8 | 16

export interface WholesForm {
  width: Width
  count: number
}

/**
 * The most bytes that are added at once: few enough for the first cache of a processor, so many that calls cost little,
 * and whole numbers of each width.
 */
export const CHUNK_BYTES = 24_000

/** Bytes at the end of a chunk are filled up to this many: whole words, and whole numbers of up to 5 bytes. */
const FILLED_BYTES = 60

/** The words of a number; numbers of 1 byte share one. */
const WORDS: Record<Width, number> = { 1: 1 / 4, 2: 1, 3: 1, 5: 2, 8: 2, 16: 4 }

/** The chunk that is being added, as words. */
const CHUNK = new Int32Array(CHUNK_BYTES / 4)

export class Wholes {
  readonly form: WholesForm
  /**
   * Four numbers of 1 byte share a word. A number of 2 or 3 bytes has one word, and one of 5 bytes two, the lowest
   * first, of which only so many low bytes count; behind the last number there is room for what fills a chunk up. A
   * longer number has width / 4 words, the lowest first.
   */
  private readonly words: Int32Array

  /** All zeros. */
  constructor(form: WholesForm) {
    this.form = form
    const { count, width } = form
    const filled = width > 5 ? count : FILLED_BYTES * Math.ceil(count / FILLED_BYTES)
    this.words = new Int32Array(filled * WORDS[width])
  }

  static ofInt32s(width: 2 | 3, values: Int32Array): Wholes {
    const wholes = new Wholes({ width, count: values.length })
    wholes.words.set(values)
    return wholes
  }

  static ofBytes(values: Uint8Array): Wholes {
    const wholes = new Wholes({ width: 1, count: values.length })
    const bytes = new Uint8Array(wholes.words.buffer, 0, values.length)
    bytes.set(values)
    swapToLittle(new Uint8Array(wholes.words.buffer), 4)
    return wholes
  }

  /** Numbers of 5 bytes, in two's complement. @param values - whole, below 2^39 in magnitude */
  static ofFloat64s(values: Float64Array): Wholes {
    const wholes = new Wholes({ width: 5, count: values.length })
    for (let i = 0, at = 0; i < values.length; i++, at += 2) {
      wholes.words[at] = values[i] | 0 // modulo 2^32
      wholes.words[at + 1] = Math.floor(values[i] / 2 ** 32)
    }
    return wholes
  }

  static ofBigInts(width: 8 | 16, values: readonly bigint[]): Wholes {
    const wholes = new Wholes({ width, count: values.length })
    let at = 0
    for (const value of values)
      for (let bit = 0n; bit < 8 * width; bit += 32n) wholes.words[at++] = Number(BigInt.asIntN(32, value >> bit))
    return wholes
  }

  get byteLength(): number {
    return this.form.width * this.form.count
  }

  /**
   * Adds (1) numbers to those that begin at a byte, or subtracts (-1) them.
   * @param from - a multiple of CHUNK_BYTES
   * @param bytes - of whole numbers, at most CHUNK_BYTES
   */
  add(from: number, bytes: Uint8Array, sign: 1 | -1): void {
    const { form, words } = this
    const { width } = form
    const filled = new Uint8Array(CHUNK.buffer, 0, FILLED_BYTES * Math.ceil(bytes.length / FILLED_BYTES))
    filled.set(bytes)
    filled.fill(0, bytes.length)
    swapToLittle(filled, 4)
    const flip = sign === 1 ? 0 : -1
    const chunk = CHUNK.subarray(0, filled.length / 4)
    if (width === 1) addOfOne(words, from / 4, chunk, flip)
    else if (width === 2) addOfTwo(words, from / 2, chunk, flip)
    else if (width === 3) addOfThree(words, from / 3, chunk, flip)
    else if (width === 5) addOfFive(words, 2 * (from / 5), chunk, flip)
    else addLong(words, from / 4, chunk.subarray(0, bytes.length / 4), width / 4, flip)
  }

  /** Little-endian. */
  bytes(): Uint8Array {
    const { count, width } = this.form
    if (width === 3) return bytesOfThree(this.words, count)
    if (width === 5) return bytesOfFive(this.words, count)
    const all = width === 2 ? new Uint16Array(this.words.subarray(0, count)) : this.words.slice()
    const bytes = new Uint8Array(all.buffer)
    swapToLittle(bytes, all.BYTES_PER_ELEMENT)
    return bytes.subarray(0, this.byteLength)
  }

  /** Numbers of 2 or 3 bytes, in two's complement. They share the memory of this. */
  int32s(): Int32Array {
    const { count, width } = this.form
    const values = this.words.subarray(0, count)
    const unused = 32 - 8 * width
    for (let i = 0; i < count; i++) values[i] = (values[i] << unused) >> unused
    return values
  }

  /** Numbers of 5 bytes, in two's complement. */
  float64s(): Float64Array {
    const values = new Float64Array(this.form.count)
    for (let i = 0, at = 0; i < values.length; i++, at += 2)
      values[i] = ((this.words[at + 1] << 24) >> 24) * 2 ** 32 + (this.words[at] >>> 0)
    return values
  }

  /** Numbers of 8 or 16 bytes, not negative. */
  bigInts(): bigint[] {
    const { count, width } = this.form
    const each = width / 4
    return Array.from({ length: count }, (_, i) => {
      let value = 0n
      for (let k = each - 1; k >= 0; k--) value = (value << 32n) | BigInt(this.words[each * i + k] >>> 0)
      return value
    })
  }
}
