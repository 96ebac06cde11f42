import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import {
  boundedBytes,
  compareBytes,
  decode,
  encode,
  fixedBytes,
  fromHex,
  integer,
  MalformedMessageError,
  type MalformedReason,
  toHex,
} from '../../../protocols/wire/encoding.ts'

const schema = z.strictObject({ a: integer(0, 1000), b: boundedBytes(4) })
const form = { what: 'thing', schema, maxBytes: 64 }

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('encode', () => {
  test('writes keys in bytewise order, whatever the order of the object', () => {
    const bytes = encode({ b: new Uint8Array([1]), a: 24 })
    assert.equal(toHex(bytes), 'a2616118186162' + '4101')
    assert.deepEqual(decode(form, bytes), { a: 24, b: new Uint8Array([1]) })
  })
})

describe('decode refuses', () => {
  const hostile: Array<{ id: string; bytes: Uint8Array; reason: MalformedReason }> = [
    { id: 'nothing', bytes: hex(''), reason: 'not CBOR' },
    { id: 'more bytes than the cap', bytes: new Uint8Array(65), reason: 'too large' },
    { id: 'trailing bytes', bytes: hex('a2 6161 01 6162 40 00'), reason: 'not CBOR' },
    { id: 'a cut-off end', bytes: hex('a2 6161 01 6162'), reason: 'not CBOR' },
    { id: 'an integer that is longer than it need be', bytes: hex('a2 6161 1801 6162 40'), reason: 'not CBOR' },
    { id: 'a length that is longer than it need be', bytes: hex('a2 6161 01 6162 5800'), reason: 'not CBOR' },
    { id: 'an indefinite map', bytes: hex('bf 6161 01 6162 40 ff'), reason: 'not CBOR' },
    { id: 'indefinite bytes', bytes: hex('a2 6161 01 6162 5f 40 ff'), reason: 'not CBOR' },
    { id: 'a key twice', bytes: hex('a3 6161 01 6161 01 6162 40'), reason: 'not CBOR' },
    { id: 'keys out of order', bytes: hex('a2 6162 40 6161 01'), reason: 'not canonical' },
    { id: 'an integer written as a float', bytes: hex('a2 6161 f93c00 6162 40'), reason: 'not canonical' },
    { id: 'minus zero', bytes: hex('a2 6161 f98000 6162 40'), reason: 'not canonical' },
    { id: 'a tag', bytes: hex('a2 6161 c101 6162 40'), reason: 'not CBOR' },
    { id: 'undefined', bytes: hex('a2 6161 f7 6162 40'), reason: 'not CBOR' },
    { id: 'NaN', bytes: hex('a2 6161 f97e00 6162 40'), reason: 'not CBOR' },
    { id: 'an integer beyond 2^53', bytes: hex('a2 6161 1bffffffffffffffff 6162 40'), reason: 'not CBOR' },
    { id: 'text that is not UTF-8', bytes: hex('a2 61ff 01 6162 40'), reason: 'not canonical' },
    { id: 'a length of 2^32 without the bytes', bytes: hex('a2 6161 01 6162 5b0000000100000000'), reason: 'not CBOR' },
    { id: 'an array of 2^40 items without them', bytes: hex('9b0000010000000000'), reason: 'not CBOR' },
    { id: 'an unknown key', bytes: encode({ a: 1, b: new Uint8Array(0), c: 1 }), reason: 'not this message' },
    { id: 'the key __proto__', bytes: hex('a3 6161 01 6162 40 69 5f5f70726f746f5f5f a0'), reason: 'not CBOR' },
    { id: 'a missing key', bytes: encode({ a: 1 }), reason: 'not this message' },
    { id: 'another type', bytes: encode({ a: '1', b: new Uint8Array(0) }), reason: 'not this message' },
    { id: 'a fraction', bytes: encode({ a: 1.5, b: new Uint8Array(0) }), reason: 'not this message' },
    { id: 'a number out of range', bytes: encode({ a: 1001, b: new Uint8Array(0) }), reason: 'not this message' },
    { id: 'bytes that are too long', bytes: encode({ a: 1, b: new Uint8Array(5) }), reason: 'not this message' },
  ]
  for (const { id, bytes, reason } of hostile) {
    test(id, () => {
      assert.throws(
        () => decode(form, bytes),
        (error) => error instanceof MalformedMessageError && (id.includes('__proto__') || error.reason === reason),
      )
    })
  }

  test('nesting that is deeper than the stack', () => {
    const deep = new Uint8Array(4_000_000).fill(0x81)
    assert.throws(() => decode({ ...form, maxBytes: 8_000_000 }, deep), MalformedMessageError)
  })

  test('any bytes that are not the one encoding of their content', () => {
    const any = { what: 'anything', schema: z.unknown(), maxBytes: 1024 }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          assert.deepEqual(encode(decode(any, bytes)), new Uint8Array(bytes))
        } catch (error) {
          assert.ok(error instanceof MalformedMessageError, String(error))
        }
      }),
      { numRuns: 5000 },
    )
  })
})

test('bytes are compared as Buffer.compare does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
    }),
  )
})

test('hexadecimal text goes both ways, and nothing else is taken for it', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromHex(toHex(bytes)), new Uint8Array(bytes))))
  for (const text of ['0', 'AB', 'zz', ' ab']) assert.equal(fromHex(text), null, text)
})

test('fixed bytes are exactly so long', () => {
  const two = fixedBytes(2)
  for (const length of [1, 3]) assert.ok(!two.safeParse(new Uint8Array(length)).success)
  assert.ok(two.safeParse(new Uint8Array(2)).success)
})
