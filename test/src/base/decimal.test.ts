import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ceilShare, floorShare, parsePpm, ppmToFraction } from '../../../src/base/decimal.ts'

describe('shares in parts per million', () => {
  it('are read from plain decimals of at most six places', () => {
    const known = {
      '0': 0,
      '1': 1e6,
      '1.000000': 1e6,
      '0.5': 500_000,
      '.5': 500_000,
      '0.000001': 1,
      '0.999999': 999_999,
    }
    for (const [text, ppm] of Object.entries(known)) assert.equal(parsePpm(text), ppm, text)
  })

  it('refuse everything else', () => {
    const texts = ['', ' ', '.', '0.', '1.', '-0.5', '+0.5', '1.5', '2', '1.000001', '01', '00.5', '0.1234567', '5e-1']
    for (const text of [...texts, '0,5', ' 0.5', '0.5 ', '0.5\n', '0x1', 'NaN', 'Infinity', '٠.٥', '0.5%']) {
      assert.throws(() => parsePpm(text), RangeError, JSON.stringify(text))
    }
  })

  it('come back as the same decimal', () => {
    for (let ppm = 0; ppm <= 1e6; ppm += 7) assert.equal(parsePpm(ppmToFraction(ppm).toFixed(6)), ppm)
    assert.equal(JSON.stringify(ppmToFraction(parsePpm('0.55'))), '0.55')
  })

  it('are taken of a count exactly, where doubles would be one off', () => {
    assert.equal(Math.ceil(100 * 0.55), 56) // what this module is for
    assert.equal(ceilShare(100, parsePpm('0.55')), 55)
    assert.equal(ceilShare(192 * 192, 600_000), 22_119)
    assert.equal(floorShare(192 * 192, 600_000), 22_118)
    assert.equal(ceilShare(2 ** 40, 999_999), 1_099_510_528_265) // 2^40 - 2^40 / 10^6 is 1099510528264.37...
    assert.equal(floorShare(2 ** 40, 999_999), 1_099_510_528_264)
  })

  it('split a count: the rest after floor is the ceiling of the other share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 0, max: 1e6 }), (count, ppm) => {
        assert.equal(floorShare(count, ppm) + ceilShare(count, 1e6 - ppm), count)
      }),
    )
  })
})
