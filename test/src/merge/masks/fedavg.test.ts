import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isKept } from '../../../../src/form/mask.ts'
import { fedavgBlock } from '../../../../src/merge/masks/fedavg.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { wandaMask } from '../../../../src/prune/masks/wanda.ts'
import { maskOf, rowForm, share, sparse, toyArbitrary, valuesOf } from '../../../support/toy-blocks.ts'

describe('FedAvg', () => {
  it('E1: divides by all contributors', () => {
    const contributions = [
      [1, 0, 3, 0, 5, 0, 7, 0],
      [2, 4, 0, 0, 7, 0, 0, 1],
      [0, 6, 5, 0, 6, 0, 0, 0],
    ].map((w) => sparse(w))
    const everything = { layers: [{ mask: maskOf('11111111'), survivors: new Uint16Array(8) }] }
    const base = [new Float32Array(8)]
    const [average] = fedavgBlock(
      { form: rowForm(8), method: { pruner: 'sparsegpt', target: share(0) }, base },
      contributions,
      everything,
    )
    assert.deepEqual(average, Float32Array.of(1, 10 / 3, 8 / 3, 0, 6, 0, 7 / 3, 1 / 3))
    const merged = mergeBlock(
      { form: rowForm(8), method: { pruner: 'sparsegpt', target: share(500_000) }, base },
      contributions,
    )
    const [masked] = fedavgBlock(
      { form: rowForm(8), method: { pruner: 'sparsegpt', target: share(500_000) }, base },
      contributions,
      merged,
    )
    assert.deepEqual(masked, Float32Array.of(1, 10 / 3, 8 / 3, 0, 6, 0, 0, 0))
  })

  it('E10, (10): is the l0 average times the share of those who keep a weight, before the rounding to fp16', () => {
    fc.assert(
      fc.property(toyArbitrary, ({ form, base, weights }) => {
        const merged = mergeBlock({ form, method: { pruner: 'sparsegpt', target: share(0) }, base }, weights)
        const averages = fedavgBlock({ form, method: { pruner: 'sparsegpt', target: share(0) }, base }, weights, merged)
        for (const [role, average] of averages.entries()) {
          const means = valuesOf(merged, average.length, role)
          for (const [i, value] of average.entries()) {
            const keep = weights.filter(({ layers }) => isKept((layers ?? [])[role].mask, i)).length
            const expected = (means[i] * keep) / weights.length
            // The mean was rounded to 11 bits, or to a multiple of 2^-24 where it is tiny.
            const slack = Math.abs(expected) * 2 ** -10.9 + 2 ** -24
            assert.ok(Math.abs(value - expected) <= slack, `${value} for ${expected}`)
          }
        }
      }),
    )
  })

  it('E10: shrinks base values by the share of those who keep them where only masks are contributed', () => {
    fc.assert(
      fc.property(toyArbitrary, ({ form, target, base, statistics }) => {
        const merged = mergeBlock({ form, method: { pruner: 'wanda', target }, base }, statistics)
        const averages = fedavgBlock({ form, method: { pruner: 'wanda', target }, base }, statistics, merged)
        for (const [role, average] of averages.entries()) {
          const { rows, cols, input } = form.layers[role]
          const masks = statistics.map(({ inputs }) => wandaMask(base[role], rows, cols, inputs[input], target))
          const expected = base[role].map((w, i) => {
            const keep = masks.filter((mask) => isKept(mask, i)).length
            return isKept(merged.layers[role].mask, i) ? (w * keep) / statistics.length : 0
          })
          assert.deepEqual([...average].map(Math.fround), [...expected])
        }
      }),
    )
  })

  it('does not depend on the order of contributions', () => {
    fc.assert(
      fc.property(toyArbitrary, ({ form, target, base, weights }) => {
        const merged = mergeBlock({ form, method: { pruner: 'sparsegpt', target }, base }, weights)
        const one = fedavgBlock({ form, method: { pruner: 'sparsegpt', target }, base }, weights, merged)
        assert.deepEqual(
          fedavgBlock({ form, method: { pruner: 'sparsegpt', target }, base }, weights.toReversed(), merged),
          one,
        )
      }),
    )
  })
})
