/**
 * The frame that contributions and merged blocks share: an 8-byte header (4 bytes of magic, version, kind, two zero
 * bytes), then arrays in little-endian order one behind the other, without gaps, to the last byte. The bytes hold no
 * lengths: these follow from the block's form and the masks, so every value has one encoding.
 */
import type { FaultClass } from './errors.ts'

export const HEADER_BYTES = 8

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

interface Header {
  /** Four ASCII characters. */
  magic: string
  version: number
  /** Number of the kind, from 1: its meaning depends on the magic. */
  kind: number
}

/** Writes a header and arrays into one buffer of exactly their length. */
export function writeFrame(
  { magic, version, kind }: Header,
  arrays: (Uint8Array | Uint16Array | Float32Array | Float64Array)[],
): Uint8Array {
  const length = arrays.reduce((sum, array) => sum + array.byteLength, HEADER_BYTES)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < 4; i++) bytes[i] = magic.charCodeAt(i)
  bytes[4] = version
  bytes[5] = kind
  let at = HEADER_BYTES
  for (const array of arrays) {
    const part = bytes.subarray(at, at + array.byteLength)
    part.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    swapToLittle(part, array.BYTES_PER_ELEMENT)
    at += array.byteLength
  }
  return bytes
}

/** The kind in the header of a frame with this magic and version; null if the bytes have no such header. */
export function kindOf(bytes: Uint8Array, { magic, version }: Omit<Header, 'kind'>): number | null {
  if (bytes.byteLength < HEADER_BYTES || bytes[4] !== version) return null
  for (let i = 0; i < 4; i++) if (bytes[i] !== magic.charCodeAt(i)) return null
  return bytes[5]
}

/** Reads a frame from front to back. Every read is checked against the end before anything is allocated. */
export class FrameReader {
  readonly kind: number
  private readonly bytes: Uint8Array
  private readonly Fault: FaultClass
  private at = HEADER_BYTES

  /** @throws {Fault} MAGIC, VERSION, KIND, RESERVED or LENGTH */
  constructor(
    bytes: Uint8Array,
    { magic, version }: Omit<Header, 'kind'>,
    kinds: readonly number[],
    Fault: FaultClass,
  ) {
    this.bytes = bytes
    this.Fault = Fault
    if (bytes.byteLength < HEADER_BYTES) throw new Fault('LENGTH', `${bytes.byteLength} bytes: no header`)
    for (let i = 0; i < 4; i++) {
      if (bytes[i] !== magic.charCodeAt(i)) throw new Fault('MAGIC', `does not begin with ${magic}`)
    }
    if (bytes[4] !== version) throw new Fault('VERSION', `version ${bytes[4]}, expected ${version}`)
    if (!kinds.includes(bytes[5])) throw new Fault('KIND', `kind ${bytes[5]}, expected ${kinds.join(' or ')}`)
    if (bytes[6] !== 0 || bytes[7] !== 0) throw new Fault('RESERVED', 'bytes 6 and 7 are not zero')
    this.kind = bytes[5]
  }

  /** The next `count` bytes. @throws {Fault} LENGTH */
  bytesOf(count: number, layer: number | null = null): Uint8Array {
    return new Uint8Array(this.viewOf(count, layer))
  }

  /** The next `count` bytes, which share the memory of all. @throws {Fault} LENGTH */
  viewOf(count: number, layer: number | null = null): Uint8Array {
    const end = this.at + count
    if (end > this.bytes.byteLength) {
      throw new this.Fault('LENGTH', `${this.bytes.byteLength} bytes end before byte ${end}`, layer)
    }
    const part = this.bytes.subarray(this.at, end)
    this.at = end
    return part
  }

  /** The next `count` numbers. @throws {Fault} LENGTH */
  float32s(count: number): Float32Array {
    const part = this.bytesOf(count * 4)
    swapToLittle(part, 4)
    return new Float32Array(part.buffer)
  }

  /** The next `count` numbers. @throws {Fault} LENGTH */
  float64s(count: number): Float64Array {
    const part = this.bytesOf(count * 8)
    swapToLittle(part, 8)
    return new Float64Array(part.buffer)
  }

  /** The next `count` numbers. @throws {Fault} LENGTH */
  uint16s(count: number, layer: number): Uint16Array {
    const part = this.bytesOf(count * 2, layer)
    swapToLittle(part, 2)
    return new Uint16Array(part.buffer)
  }

  /** Checks that all bytes were read. @throws {Fault} LENGTH: bytes are left */
  end(): void {
    const left = this.bytes.byteLength - this.at
    if (left > 0) throw new this.Fault('LENGTH', `${left} bytes too many`)
  }
}

/** Turns numbers from this machine's byte order to little-endian or back; does nothing on most machines. */
export function swapToLittle(bytes: Uint8Array, width: number): void {
  if (IS_LITTLE_ENDIAN || width === 1) return
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
}
