import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isKept, newMask } from '../../../../src/form/mask.ts'
import { dropMarked } from '../../../../src/prune/masks/marks.ts'

describe('marks into a mask', () => {
  it('clears exactly the marked bits, at any offset and length', () => {
    const marks = fc.uint8Array({ min: 0, max: 1, minLength: 0, maxLength: 60 })
    fc.assert(
      fc.property(marks, fc.nat(20), fc.nat(20), (list, offset, skip) => {
        const start = Math.min(skip, list.length)
        const size = offset + list.length + 5
        const mask = newMask(size)
        dropMarked(mask, offset, list, start, list.length - start)
        for (let i = 0; i < size; i++) {
          const mark = i >= offset ? list[start + i - offset] : 0
          assert.equal(isKept(mask, i), mark !== 1, `bit ${i}`)
        }
      }),
    )
  })

  it('leaves weights dropped that were dropped before', () => {
    const mask = Uint8Array.of(0b0000_0000)
    dropMarked(mask, 0, new Uint8Array(8), 0, 8)
    assert.deepEqual(mask, Uint8Array.of(0))
  })
})
