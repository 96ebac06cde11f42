import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Axis, Labels } from '../../../../src/structure/find/labels.ts'
import { reshapeAxes } from '../../../../src/structure/find/reshape-axes.ts'

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1)
const roots = (labels: Labels, axis: Axis) => axis && [...axis].map((label) => labels.find(label))

describe('labels through a reshape', () => {
  it('of features into heads: a head couples its features', () => {
    const labels = new Labels()
    const features = labels.fresh(6)
    const out = reshapeAxes(labels, [null, features], [5, 6], [5, 3, 2])
    assert.equal(out[0], null)
    assert.equal(out[2], null)
    assert.deepEqual(roots(labels, features), [0, 0, 2, 2, 4, 4])
    assert.deepEqual(roots(labels, out[1]), [0, 2, 4])
  })

  it('of heads into features: each has the class of its head', () => {
    const labels = new Labels()
    const heads = labels.fresh(3)
    const [, features] = reshapeAxes(labels, [null, heads, null], [5, 3, 2], [5, 6])
    assert.deepEqual(roots(labels, features), [0, 0, 1, 1, 2, 2])
  })

  it('of repeated heads: those that share keys have one class', () => {
    const labels = new Labels()
    const pairs = labels.fresh(2)
    const [, heads] = reshapeAxes(labels, [null, pairs, null, null, null], [1, 2, 3, 7, 4], [1, 6, 7, 4])
    assert.deepEqual(roots(labels, heads), [0, 0, 0, 1, 1, 1])
  })

  it('into the batch and back: nothing is coupled across windows', () => {
    const labels = new Labels()
    const heads = labels.fresh(4)
    const before = [3, 4, 7, 2]
    const [both] = reshapeAxes(labels, [null, heads, null, null], before, [12, 7, 2])
    const back = reshapeAxes(labels, [both, null, null], [12, 7, 2], before)
    assert.deepEqual(roots(labels, back[1]), [0, 1, 2, 3])
    assert.equal(back[0], null)
  })

  it('are kept where sizes of 1 come and go', () => {
    const labels = new Labels()
    const features = labels.fresh(4)
    for (const [before, behind] of [
      [
        [3, 4],
        [1, 3, 1, 4, 1],
      ],
      [
        [1, 3, 1, 4, 1],
        [3, 4],
      ],
    ]) {
      const axes = before.map((size) => (size === 4 ? features : null))
      const out = reshapeAxes(labels, axes, before, behind)
      assert.deepEqual(roots(labels, out[behind.indexOf(4)]), [0, 1, 2, 3])
      assert.equal(out.filter((axis) => axis !== null).length, 1)
    }
  })

  it('of two axes into one cannot be followed: both stay', () => {
    const labels = new Labels()
    const [a, b] = [labels.fresh(2), labels.fresh(3)]
    assert.deepEqual(reshapeAxes(labels, [a, b], [2, 3], [6]), [null])
    assert.ok([...a, ...b].every((label) => labels.whyLocked(label) !== undefined))
  })

  it('split and merged again name the classes that there were, or coarser ones', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), (factors) => {
        const labels = new Labels()
        const whole = labels.fresh(product(factors))
        const apart = reshapeAxes(labels, [whole], [whole.length], factors)
        const [again] = reshapeAxes(labels, apart, factors, [whole.length])
        assert.deepEqual(roots(labels, again), roots(labels, whole))
      }),
    )
  })
})
