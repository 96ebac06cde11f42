import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../../protocols/wire/encoding.ts'
import {
  BlobHasher,
  blobId,
  blobIdOfChunks,
  CHUNK_BYTES,
  chunkCount,
  isChunkListOf,
  isChunkOf,
  MAX_BLOB_BYTES,
} from '../../../protocols/wire/hash.ts'

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

/** The definition, in one line each. */
function slowId(bytes: Uint8Array): string {
  const hashes: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) hashes.push(sha256(bytes.subarray(at, at + CHUNK_BYTES)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return sha256(Buffer.from('coppice/blob/1\0'), length, ...hashes).toString('hex')
}

const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 5]

test('the id of a blob follows its definition, at and around whole chunks', () => {
  for (const size of SIZES) {
    const bytes = new Uint8Array(size).map((_, i) => i % 251)
    assert.equal(toHex(blobId(bytes)), slowId(bytes), `${size} bytes`)
  }
  const empty = '3ab33981584c3ceefe6f295db2f47892986e554fe042bcb4667e64c8f135973b'
  assert.equal(toHex(blobId(new Uint8Array(0))), empty)
})

test('pieces of any size give the same id', () => {
  const bytes = new Uint8Array(2 * CHUNK_BYTES + 5).map((_, i) => i % 241)
  const id = toHex(blobId(bytes))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: CHUNK_BYTES + 7 }), { minLength: 1, maxLength: 5 }), (sizes) => {
      const hasher = new BlobHasher()
      let at = 0
      for (const size of sizes) {
        hasher.update(bytes.subarray(at, at + size))
        at += size
      }
      assert.equal(toHex(hasher.update(bytes.subarray(at)).finish().id), id)
    }),
    { numRuns: 20 },
  )
})

test('a chunk list is that of the blob only with its length and every hash', () => {
  const bytes = new Uint8Array(CHUNK_BYTES + 3).fill(5)
  const { id, ...list } = new BlobHasher().update(bytes).finish()
  assert.ok(isChunkListOf(id, list))
  assert.ok(!isChunkListOf(id, { ...list, byteLength: list.byteLength + 1 }))
  assert.ok(!isChunkListOf(id, { ...list, hashes: list.hashes.toReversed() }))
  assert.ok(!isChunkListOf(id, { ...list, hashes: list.hashes.subarray(32) }))
  for (const byteLength of [-1, 0.5, Number.NaN, MAX_BLOB_BYTES + 1, 2 ** 60]) {
    assert.ok(!isChunkListOf(id, { ...list, byteLength }), String(byteLength))
  }
})

test('a chunk counts only whole, in its place', () => {
  const bytes = new Uint8Array(2 * CHUNK_BYTES + 3).map((_, i) => i % 255)
  const list = new BlobHasher().update(bytes).finish()
  const chunk = (i: number) => bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)
  for (const i of [0, 1, 2]) assert.ok(isChunkOf(list, i, chunk(i)), `chunk ${i}`)
  assert.ok(!isChunkOf(list, 0, chunk(1)))
  assert.ok(!isChunkOf(list, 2, bytes.subarray(2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 2)))
  assert.ok(!isChunkOf(list, 3, new Uint8Array(0)))
  assert.ok(!isChunkOf(list, -1, chunk(0)))
})

test('the largest blob has a list of 1 MiB, and none is larger', () => {
  assert.equal(chunkCount(MAX_BLOB_BYTES) * 32, 1024 * 1024)
  assert.throws(() => blobIdOfChunks({ byteLength: MAX_BLOB_BYTES + 1, hashes: new Uint8Array(0) }), RangeError)
})
