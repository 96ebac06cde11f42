import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { drawer } from '../../../src/form/draw.ts'

/** The words of the stream, as the documentation says. */
function* words(seed: Uint8Array): Generator<number> {
  for (let counter = 0; ; counter++) {
    const little = Buffer.alloc(8)
    little.writeUInt32LE(counter)
    const digest = createHash('sha256').update('coppice/sampling/1\0').update(seed).update(little).digest()
    for (let i = 0; i < 32; i += 4) yield digest.readUInt32LE(i)
  }
}

describe('draws', () => {
  const seed = new Uint8Array(32).fill(7)

  it('pass over words from the largest multiple of n on', () => {
    const n = 2 ** 31 + 1 // its only multiple up to 2^32 is itself, so nearly half of the words are passed over
    const expected = [...words(seed).take(100)].filter((word) => word < n)
    assert.ok(expected.length < 70)
    const draw = drawer(seed)
    assert.deepEqual(
      expected.map(() => draw(n)),
      expected,
    )
  })

  it('use every word where n divides 2^32, 1 included', () => {
    const draw = drawer(seed)
    const drawn = [1, 2, 256, 2 ** 31, 2 ** 32].map((n) => draw(n))
    const taken = [...words(seed).take(5)]
    assert.deepEqual(drawn, [0, taken[1] % 2, taken[2] % 256, taken[3] % 2 ** 31, taken[4]])
  })
})
