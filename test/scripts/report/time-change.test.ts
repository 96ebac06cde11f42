import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { timeChange } from '../../../scripts/report/time-change.ts'
import { median, quantile } from '../../../src/base/quantile.ts'

/** Eleven turns around a time, within some percent of it. */
const around = (seconds: number, percents: number[]) => percents.map((percent) => seconds * (1 + percent / 100))
const QUIET = [0.2, -0.3, 0.1, 0, -0.1, 0.4, -0.2, 0.3, 0, -0.4, 0.1]
const LOADED = [0, 12, 35, 2, 80, 5, 1, 44, 9, 3, 20]

describe('a change of times', () => {
  it('is beyond noise where all turns agree, and gives medians, change and spread', () => {
    const { seconds, change, spread, isBeyondNoise } = timeChange(around(0.0213, QUIET), around(0.018, QUIET))
    assert.deepEqual([seconds.before, seconds.after], [0.0213, 0.018])
    assert.ok(Math.abs(change + 0.155) < 1e-3 && spread < 1e-9, `${change} ${spread}`)
    assert.ok(isBeyondNoise)
  })

  it('is noise of one and the same model, on a quiet machine and on one that does other work', () => {
    for (const percents of [QUIET, LOADED]) {
      const turned = [...percents.slice(4), ...percents.slice(0, 4)]
      assert.equal(timeChange(around(1, percents), around(1, turned)).isBeyondNoise, false)
    }
    assert.equal(timeChange(around(1, QUIET), around(1, QUIET)).isBeyondNoise, false, 'equal to the last bit')
  })

  it('is still seen where one turn was disturbed, and not where two were', () => {
    const before = around(1, QUIET)
    const after = around(0.8, QUIET)
    assert.ok(timeChange(before, after.with(3, 5)).isBeyondNoise)
    assert.ok(!timeChange(before, after.with(3, 5).with(7, 5)).isBeyondNoise)
  })

  it('is seen in pairs where other work slows both models of a turn down', () => {
    const { change, isBeyondNoise } = timeChange(around(1, LOADED), around(0.9, LOADED))
    assert.ok(Math.abs(change + 0.1) < 1e-9 && isBeyondNoise)
  })

  it('is noise where turns agree by less than they differ, or by less than two sessions of a model do', () => {
    const wide = [1, 30, 2, 25, 1, 40, 3, 1, 35, 2, 28]
    assert.equal(timeChange(around(1, QUIET), around(1, wide)).isBeyondNoise, false)
    assert.equal(timeChange(around(1, QUIET), around(0.985, QUIET)).isBeyondNoise, false)
    assert.equal(timeChange(around(1, QUIET), around(0.97, QUIET)).isBeyondNoise, true)
  })

  it('does not depend on the unit, and turns its sign with the models', () => {
    const times = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 11, maxLength: 11 })
    fc.assert(
      fc.property(times, times, (before, after) => {
        const one = timeChange(before, after)
        const scaled = timeChange(
          before.map((time) => time * 8),
          after.map((time) => time * 8),
        )
        assert.deepEqual(
          [scaled.change, scaled.spread, scaled.isBeyondNoise],
          [one.change, one.spread, one.isBeyondNoise],
        )
        if (one.isBeyondNoise) assert.equal(Math.sign(timeChange(after, before).change), -Math.sign(one.change))
      }),
    )
  })

  it('needs as many turns of each', () => {
    assert.throws(() => timeChange([1, 2], [1]), RangeError)
    assert.throws(() => timeChange([], []), RangeError)
  })
})

describe('a quantile', () => {
  it('lies between two values by their distance', () => {
    assert.deepEqual(
      [0, 0.25, 0.5, 0.9, 1].map((share) => quantile([4, 1, 3, 2], share)),
      [1, 1.75, 2.5, 3.7, 4],
    )
    assert.equal(median([7]), 7)
  })
})
