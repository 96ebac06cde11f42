import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { randomScores } from '../../../../src/structure/choose/random-scores.ts'

describe('random scores', () => {
  it('are as SHA-256 draws them: the documented words, Fisher-Yates from behind', () => {
    const seed = createHash('sha256').update('coppice/random-importance/1\x005\x002\x001').digest()
    const words: number[] = []
    for (let counter = 0; counter < 4; counter++) {
      const little = Buffer.alloc(8)
      little.writeUInt32LE(counter)
      const digest = createHash('sha256').update('coppice/sampling/1\0').update(seed).update(little).digest()
      for (let i = 0; i < 32; i += 4) words.push(digest.readUInt32LE(i))
    }
    const expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    for (let last = 9; last > 0; last--) {
      const other = words[9 - last] % (last + 1) // no word so near 2^32 that it would be passed over
      const value = expected[last]
      expected[last] = expected[other]
      expected[other] = value
    }
    assert.deepEqual([...randomScores(10, 5, 2, 1)], expected)
  })

  it('are each order of three about as often as any other', () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < 3000; seed++) {
      const order = randomScores(3, seed, 0, 0).join()
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    assert.equal(seen.size, 6)
    for (const [order, count] of seen) assert.ok(count > 400 && count < 600, `${order}: ${count}`)
  })

  it('differ by block and by structure', () => {
    const all = [
      [0, 0],
      [0, 1],
      [1, 0],
    ].map(([block, which]) => randomScores(20, 0, block, which).join())
    assert.equal(new Set(all).size, 3)
  })
})
