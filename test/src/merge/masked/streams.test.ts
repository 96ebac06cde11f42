import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { addStreams, type StreamKey } from '../../../../src/merge/masked/streams.ts'
import { sumOf, type VectorForm } from '../../../../src/merge/masked/vector.ts'
import { CHUNK_BYTES, Wholes, type WholesForm } from '../../../../src/merge/masked/wholes.ts'
import { openedSum } from './opening.ts'

const ZERO_KEY = new Uint8Array(32)
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const width = fc.constantFrom(1, 2, 3, 5, 8, 16)

/** Little-endian whole numbers. */
function numbersOf(bytes: Uint8Array, each: number): bigint[] {
  return Array.from({ length: bytes.length / each }, (_, i) => {
    const own = bytes.slice(each * i, each * (i + 1)).reverse()
    return BigInt(`0x${Buffer.from(own).toString('hex')}`)
  })
}

const bytesOf = (vector: readonly Wholes[]) => vector.map((part) => Buffer.from(part.bytes()).toString('hex'))

/** A vector with these bytes. */
function vectorOf(parts: readonly WholesForm[], byte: (at: number) => number): Wholes[] {
  const form: VectorForm = { kind: 'products', parts }
  const length = parts.reduce((sum, part) => sum + part.width * part.count, 8)
  const bytes = Uint8Array.from({ length }, (_, at) => byte(at))
  bytes.set([...Buffer.from('COPV'), 1, 2, 0, 0])
  return sumOf(form, [bytes])
}

describe('streams', () => {
  it('are AES-256 in counter mode, from the slot on', () => {
    // The encryption of zeros under zeros, as for instance in NIST's AESAVS, appendix B.
    const first = new Wholes({ width: 16, count: 1 })
    addStreams([first], 0, [{ key: ZERO_KEY, sign: 1 }], 1)
    assert.equal(Buffer.from(first.bytes()).toString('hex'), 'dc95c078a2408989ad48a21492842087')
    const counter = Buffer.from('0102030400000000000000000000', 'hex')
    const expected = createCipheriv('aes-256-ecb', ZERO_KEY, null).update(
      Buffer.concat([counter, Buffer.from([0, 0]), counter, Buffer.from([0, 1])]),
    )
    const both = new Wholes({ width: 16, count: 2 })
    addStreams([both], 0x01020304, [{ key: ZERO_KEY, sign: 1 }], 1)
    assert.equal(Buffer.from(both.bytes()).toString('hex'), expected.toString('hex'))
  })

  it('are the integers of a vector in order, part after part, modulo their width', () => {
    const part = fc.record({ width, count: fc.integer({ min: 0, max: 40 }) }, { noNullPrototype: true })
    const parts = fc.array(part, { minLength: 1, maxLength: 4 }) as fc.Arbitrary<WholesForm[]>
    fc.assert(
      fc.property(
        parts,
        key,
        fc.constantFrom(1, -1),
        fc.constantFrom(1, -1),
        fc.nat(),
        (form, own, sign, way, seed) => {
          const byte = (at: number) => ((seed + at * 2_654_435_761) >>> 7) & 0xff
          const vector = vectorOf(form, byte)
          const before = vector.map((each) => each.bytes())
          addStreams(vector, seed, [{ key: own, sign } as StreamKey], way as 1 | -1)
          assertAdded(vector, before, { own, slot: seed, sign: sign * way })
        },
      ),
    )
  })

  it('are the same whatever the chunks in which they are made', () => {
    for (const [w, count] of [
      [1, CHUNK_BYTES + 7],
      [5, CHUNK_BYTES / 5 + 13],
      [2, CHUNK_BYTES + 5],
      [3, CHUNK_BYTES + 1],
      [8, CHUNK_BYTES / 4 + 3],
      [16, CHUNK_BYTES / 16],
    ] as const) {
      const form = [
        { width: w, count },
        { width: w, count: 1 },
      ]
      const vector = vectorOf(form, (at) => (at * 7) & 0xff)
      const before = vector.map((each) => each.bytes())
      addStreams(vector, 3, [{ key: ZERO_KEY, sign: -1 }], 1)
      assertAdded(vector, before, { own: ZERO_KEY, slot: 3, sign: -1 })
    }
  })

  it('leave nothing when they are taken away', () => {
    const streams = ([1, -1, -1] as const).map((sign, i) => ({ key: ZERO_KEY.with(0, i), sign }))
    const form: WholesForm[] = ([1, 2, 3, 5, 8, 16] as const).map((each) => ({ width: each, count: 7 }))
    const vector = vectorOf(form, (at) => at)
    const before = bytesOf(vector)
    addStreams(vector, 9, streams, 1)
    assert.notDeepEqual(bytesOf(vector), before)
    addStreams(vector, 9, streams.toReversed(), -1)
    assert.deepEqual(bytesOf(vector), before)
  })

  it('are refused under a key of another length', () => {
    assert.throws(() => addStreams([new Wholes({ width: 2, count: 1 })], 0, [{ key: ZERO_KEY.slice(1), sign: 1 }], 1))
  })
})

/** Compares with numbers of any size. */
function assertAdded(
  vector: readonly Wholes[],
  before: readonly Uint8Array[],
  { own, slot, sign }: { own: Uint8Array; slot: number; sign: number },
): void {
  const counter = Buffer.alloc(16)
  counter.writeUInt32BE(slot)
  const all = createCipheriv('aes-256-ctr', own, counter).update(
    Buffer.alloc(before.reduce((sum, bytes) => sum + bytes.length, 0)),
  )
  let at = 0
  for (const [k, part] of vector.entries()) {
    const each = part.form.width
    const stream = numbersOf(all.subarray(at, at + before[k].length), each)
    const expected = numbersOf(before[k], each).map((x, i) => BigInt.asUintN(8 * each, x + BigInt(sign) * stream[i]))
    assert.deepEqual(numbersOf(part.bytes(), each), expected)
    at += before[k].length
  }
}

describe('the opened sum', () => {
  it('is the plain sum, for all vectors, lists and orders', () => {
    const scene = fc.record({
      width,
      members: fc.integer({ min: 3, max: 8 }),
      gone: fc.nat({ max: 4 }),
      count: fc.integer({ min: 1, max: 30 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(scene, ({ width: w, members, gone, count, seed }) => {
        const parts = [{ width: w, count }] as WholesForm[]
        const size = Math.max(1, members - gone)
        const list = [...Array(members).keys()]
          .map((member) => [(member * 7919 + seed) % 101, member])
          .sort(([a], [b]) => a - b)
          .map(([, member]) => member)
          .slice(0, size)
        const vectors = list.map((member) => vectorOf(parts, (at) => ((seed + member) * at * 31) & 0xff))
        const plain = vectors.map(([part]) => numbersOf(part.bytes(), w))
        const expected = plain[0].map((_, i) =>
          BigInt.asUintN(
            8 * w,
            plain.reduce((sum, own) => sum + own[i], 0n),
          ),
        )
        const [sum] = openedSum({ kind: 'products', parts }, vectors, { members, list })
        assert.deepEqual(numbersOf(sum.bytes(), w), expected)
      }),
    )
  })
})
