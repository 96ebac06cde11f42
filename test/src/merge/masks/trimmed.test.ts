import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { PrunerName } from '../../../../src/form/method.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { encodeMergedBlock } from '../../../../src/merge/masks/merged-block.ts'
import { trimmed } from '../../../../src/merge/trim.ts'
import { bitsOf, rowForm, share, sparse, type Toy, toyArbitrary, valuesOf } from '../../../support/toy-blocks.ts'
import { twinMerge } from './l0-twin.ts'

const PRUNERS: PrunerName[] = ['sparsegpt', 'wanda', 'magnitude']
const faultsArbitrary = fc.integer({ min: 1, max: 3 })
const payload = (toy: Toy, pruner: PrunerName) => (pruner === 'sparsegpt' ? toy.weights : toy.statistics)
const merge = (toy: Toy, pruner: PrunerName, contributions: BlockContribution[], faults: number) =>
  mergeBlock({ form: toy.form, method: { pruner, target: toy.target }, base: toy.base }, contributions, faults)

describe('the merge by trimmed means', () => {
  it('gives the same bits as its slow twin', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom(...PRUNERS), faultsArbitrary, (toy, pruner, faults) => {
        const merged = merge(toy, pruner, payload(toy, pruner), faults)
        const twin = twinMerge(toy.form, pruner, toy.target, toy.base, payload(toy, pruner), faults)
        for (const [role, { mask, survivors }] of merged.layers.entries()) {
          const { rows, cols } = toy.form.layers[role]
          assert.equal(bitsOf(mask, rows * cols), twin[role].kept.map(Number).join(''), `mask of layer ${role}`)
          assert.deepEqual(survivors && [...survivors], twin[role].survivors, `layer ${role}`)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('does not depend on the order of contributions', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.constantFrom(...PRUNERS), faultsArbitrary, (toy, pruner, faults) => {
        const all = payload(toy, pruner)
        const encoded = (of: BlockContribution[]) => encodeMergedBlock(toy.form, merge(toy, pruner, of, faults))
        assert.deepEqual(encoded(all.toReversed()), encoded(all))
      }),
      { numRuns: 50 },
    )
  })

  it('keeps each value of a weight within those of the honest, whatever a third of the keepers send', () => {
    const value = fc.integer({ min: -1000, max: 1000 })
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 5 }), value, (honest, lie) => {
        const sent = [...honest, 64 * lie].map((each) => sparse([each], '1'))
        const block = { form: rowForm(1), method: { pruner: 'sparsegpt', target: share(0) } as const, base: [] }
        const merged = mergeBlock({ ...block, base: [Float32Array.of(1)] }, sent, 1)
        const [got] = valuesOf(merged, 1)
        assert.ok(Math.min(...honest) <= got && got <= Math.max(...honest))
      }),
    )
  })

  it('leaves out as many values as there are liars, and never all', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 7].map((count) => trimmed(new Float64Array(count), 2).length),
      [1, 2, 1, 2, 1, 3],
    )
    assert.deepEqual(trimmed(Float64Array.of(9, 1, 100, 3), 1), Float64Array.of(3, 9))
    assert.deepEqual(trimmed(Float64Array.of(9, 1), 1), Float64Array.of(1, 9))
  })
})
