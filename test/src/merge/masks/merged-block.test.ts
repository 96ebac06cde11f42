import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isKept } from '../../../../src/form/mask.ts'
import { InvalidMergedBlockError } from '../../../../src/merge/errors.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import {
  applyMerged,
  decodeMergedBlock,
  encodeMergedBlock,
  maskChange,
} from '../../../../src/merge/masks/merged-block.ts'
import { blockRoot, mergedRoot } from '../../../../src/merge/roots.ts'
import { maskOf, rowForm, sparse, toyArbitrary, valuesOf } from '../../../support/toy-blocks.ts'

const FORM = rowForm(4)
const WEIGHTS = { layers: sparse([1, 0, -2, 0]).layers ?? [] }
const MASKS = { layers: [{ mask: maskOf('1010'), survivors: null }] }
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

describe('merged blocks', () => {
  it('are a header, and for each layer the mask and the survivors that are not the base values', () => {
    assert.equal(hex(encodeMergedBlock(FORM, WEIGHTS)), '434f504d01020000' + '05' + '003c00c0')
    assert.equal(hex(encodeMergedBlock(FORM, MASKS)), '434f504d01010000' + '05')
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(toyArbitrary, fc.boolean(), ({ form, target, base, weights, statistics }, own) => {
        const merged = own
          ? mergeBlock({ form, method: { pruner: 'sparsegpt', target }, base }, weights)
          : mergeBlock({ form, method: { pruner: 'wanda', target }, base }, statistics)
        assert.deepEqual(decodeMergedBlock(form, encodeMergedBlock(form, merged)), merged)
      }),
    )
  })

  it('are refused, with the reason, where a byte is wrong', () => {
    const table = {
      '': 'LENGTH',
      '434f504d010200': 'LENGTH',
      '434f50430102000005003c00c0': 'MAGIC',
      '434f504d0202000005003c00c0': 'VERSION',
      '434f504d0103000005003c00c0': 'KIND',
      '434f504d0102010005003c00c0': 'RESERVED',
      '434f504d0102000005003c00': 'LENGTH',
      '434f504d0102000005003c00c000': 'LENGTH',
      '434f504d0102000015003c00c0': 'PADDING',
      '434f504d010200000500800038': 'VALUE',
      '434f504d0101000015': 'PADDING',
      '434f504d01010000': 'LENGTH',
    }
    for (const [text, reason] of Object.entries(table)) {
      const damaged = (error: unknown) => error instanceof InvalidMergedBlockError && error.reason === reason
      assert.throws(() => decodeMergedBlock(FORM, bytesOf(text)), damaged, text)
    }
  })

  it('are not encoded where they do not fit the form', () => {
    const [layer] = WEIGHTS.layers
    const wrong = [[], [layer, layer], [{ ...layer, survivors: new Uint16Array(3) }], [{ ...layer, mask: maskOf('1') }]]
    for (const layers of [...wrong, [{ mask: Uint8Array.of(0x15), survivors: null }]]) {
      assert.throws(() => encodeMergedBlock(FORM, { layers }), RangeError)
    }
    const two = { inputs: [4], layers: [...FORM.layers, ...FORM.layers] }
    assert.throws(() => encodeMergedBlock(two, { layers: [layer, MASKS.layers[0]] }), RangeError) // of both kinds
  })

  it('give the weights: survivors widened or the base values, and +0', () => {
    const base = [Float32Array.of(5, -6, 7, -8)]
    assert.deepEqual(applyMerged(FORM, base, WEIGHTS), [Float32Array.of(1, 0, -2, 0)])
    assert.deepEqual(applyMerged(FORM, base, MASKS), [Float32Array.of(5, 0, 7, 0)])
    fc.assert(
      fc.property(toyArbitrary, ({ form, target, base, weights }) => {
        const merged = mergeBlock({ form, method: { pruner: 'sparsegpt', target }, base }, weights)
        for (const [role, weight] of applyMerged(form, base, merged).entries()) {
          assert.deepEqual([...weight], valuesOf(merged, weight.length, role))
          assert.ok(weight.every((w, i) => isKept(merged.layers[role].mask, i) || Object.is(w, 0)))
        }
      }),
    )
  })

  it('report how many mask bits moved: against the one before, or against keeping all', () => {
    assert.deepEqual(maskChange(FORM, null, MASKS), { moved: 2, bits: 4 })
    assert.deepEqual(maskChange(FORM, WEIGHTS, MASKS), { moved: 0, bits: 4 })
    const other = { layers: [{ mask: maskOf('0110'), survivors: null }] }
    assert.deepEqual(maskChange(FORM, MASKS, other), { moved: 2, bits: 4 })
  })
})

describe('roots', () => {
  const block = blockRoot(encodeMergedBlock(FORM, MASKS))

  it('are what they were', () => {
    assert.equal(hex(block), '7c0a839a8cf18ed100e39c3aec0e7aa64b6298e06db8465017ca6fa877272e2b')
    assert.equal(hex(mergedRoot([null, block])), 'bf7937fde91ffc750d88d843df1a263ca02c5d45a975bde927c515afeca1c115')
  })

  it('tell apart bytes, places, blocks that keep the base, and how many there are', () => {
    const other = blockRoot(encodeMergedBlock(FORM, WEIGHTS))
    const lists = [
      [],
      [null],
      [null, null],
      [block],
      [other],
      [block, null],
      [null, block],
      [block, other],
      [other, block],
    ]
    assert.equal(new Set(lists.map((roots) => hex(mergedRoot(roots)))).size, lists.length)
    assert.notDeepEqual(mergedRoot([block]), block)
  })

  it('are made of roots only', () => {
    assert.throws(() => mergedRoot([block.subarray(1)]), RangeError)
  })
})
