import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  countKept,
  countMoved,
  countZeros,
  countZerosIn,
  dropKept,
  isKept,
  isPaddedWithZeros,
  maskBytes,
  newMask,
} from '../../../src/form/mask.ts'

const kept = fc.array(fc.boolean(), { minLength: 1, maxLength: 70 })

function maskOf(bits: boolean[]): Uint8Array {
  const mask = newMask(bits.length)
  for (const [index, keep] of bits.entries()) if (!keep) dropKept(mask, index)
  return mask
}

describe('masks', () => {
  it('hold index i in bit i & 7 of byte i >> 3, padding 0', () => {
    const mask = newMask(11)
    assert.deepEqual([...mask], [0xff, 0b111])
    dropKept(mask, 0)
    dropKept(mask, 9)
    assert.deepEqual([...mask], [0xfe, 0b101])
    assert.deepEqual([...newMask(8)], [0xff])
    assert.deepEqual([...newMask(0)], [])
  })

  it('count as a list of booleans would', () => {
    fc.assert(
      fc.property(kept, fc.nat(70), fc.nat(70), (bits, a, b) => {
        const mask = maskOf(bits)
        const [from, to] = [Math.min(a, b, bits.length), Math.min(Math.max(a, b), bits.length)]
        assert.equal(mask.length, maskBytes(bits.length))
        assert.ok(isPaddedWithZeros(mask, bits.length))
        assert.deepEqual(
          bits.map((_, index) => isKept(mask, index)),
          bits,
        )
        assert.equal(countKept(mask), bits.filter((keep) => keep).length)
        assert.equal(countZeros(mask, bits.length), bits.filter((keep) => !keep).length)
        assert.equal(countZerosIn(mask, from, to), bits.slice(from, to).filter((keep) => !keep).length)
      }),
    )
  })

  it('differ in as many bits as the lists do', () => {
    fc.assert(
      fc.property(kept, fc.infiniteStream(fc.boolean()), (a, more) => {
        const b = a.map(() => more.next().value)
        assert.equal(countMoved(maskOf(a), maskOf(b)), a.filter((keep, i) => keep !== b[i]).length)
      }),
    )
  })

  it('notice every bit that is set behind the end', () => {
    for (let bit = 3; bit < 8; bit++) assert.ok(!isPaddedWithZeros(Uint8Array.of(0xff, 1 << bit), 11), `bit ${bit}`)
  })
})
