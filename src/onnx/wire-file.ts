/** A file of protobuf messages, read by range: fields are found without reading their payloads. */
import { fstatSync } from 'node:fs'
import { readFully } from './tensor.ts'

/** The walk reads through a window of this size: one system call for many small fields. */
const WINDOW_BYTES = 1 << 18

export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

export interface Field {
  number: number
  wire: number
  /** Offsets of the field's tag, of its payload, and of its end. */
  start: number
  payload: number
  end: number
}

export class WireFile {
  readonly path: string
  readonly size: number
  private readonly fd: number
  private window = new Uint8Array(0)
  private windowStart = 0

  constructor(fd: number, path: string) {
    this.fd = fd
    this.path = path
    this.size = fstatSync(fd).size
  }

  *fields(start: number, end: number): Generator<Field> {
    let at = start
    while (at < end) {
      const begin = at
      const [tag, payload] = this.varint(at)
      const wire = tag % 8
      let next = payload
      let content = payload
      if (wire === WIRE.varint) next = this.varint(payload)[1]
      else if (wire === WIRE.fixed64) next = payload + 8
      else if (wire === WIRE.fixed32) next = payload + 4
      else if (wire === WIRE.bytes) {
        const [length, from] = this.varint(payload)
        content = from
        next = from + length
      } else throw new Error(`wire type ${wire} at byte ${begin}`)
      if (next > end) throw new Error(`a field at byte ${begin} runs past byte ${end}`)
      yield { number: Math.floor(tag / 8), wire, start: begin, payload: content, end: next }
      at = next
    }
  }

  /** A varint below 2^53 and the offset behind it. */
  varint(at: number): [value: number, next: number] {
    let value = 0
    let scale = 1
    for (let next = at; next < at + 10; next++) {
      const byte = this.byte(next)
      value += (byte & 127) * scale
      if (byte < 128) return [value, next + 1]
      scale *= 128
    }
    throw new Error(`no varint at byte ${at}`)
  }

  private byte(at: number): number {
    if (at < this.windowStart || at >= this.windowStart + this.window.length) {
      if (at >= this.size) throw new Error(`it ends at byte ${this.size}`)
      this.window = this.read(at, Math.min(this.size, at + WINDOW_BYTES))
      this.windowStart = at
    }
    return this.window[at - this.windowStart]
  }

  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(end - start)
    const from = start - this.windowStart
    if (from >= 0 && from + out.length <= this.window.length) out.set(this.window.subarray(from, from + out.length))
    else readFully(this.fd, this.path, start, out)
    return out
  }

  text({ payload, end }: Field): string {
    return Buffer.from(this.read(payload, end)).toString()
  }
}
