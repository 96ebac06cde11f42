import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import type { StructuredForm } from '../../../../src/form/structured-form.ts'
import { InvalidContributionError } from '../../../../src/merge/errors.ts'
import { ofMeanSquares, ofProducts } from '../../../../src/merge/masked/plain.ts'
import {
  adaptersForm,
  encodeMasked,
  importancesForm,
  maskedBytes,
  meanSquaresForm,
  productsForm,
  readMasked,
  sumOf,
  votesForm,
} from '../../../../src/merge/masked/vector.ts'
import { ofVotes } from '../../../../src/merge/masked/votes.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { rowForm, share, sparse } from '../../../support/toy-blocks.ts'

const FEW = 3
const MANY = 17
const FORM: BlockForm = { inputs: [3, 2], layers: [] }
const VOTED: BlockForm = {
  inputs: [3, 2],
  layers: [
    { rows: 2, cols: 3, input: 0 },
    { rows: 1, cols: 2, input: 1 },
  ],
}
const STRUCTURED: StructuredForm = {
  layers: [{ rows: 4, cols: 3, input: 0 }],
  structures: [
    { units: 2, places: 2, members: [] },
    { units: 5, places: 1, members: [] },
  ],
}
const FORMS = [
  meanSquaresForm(FORM),
  productsForm(FORM, FEW),
  productsForm(FORM, MANY),
  importancesForm(STRUCTURED),
  adaptersForm(STRUCTURED),
  votesForm(VOTED, 'wanda'),
  votesForm(VOTED, 'sparsegpt'),
]

describe('a masked vector', () => {
  it('is a header, and all numbers of the block', () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    const products = [Int32Array.of(1, -1, 258), Int32Array.of(-32_704)]
    const two = encodeMasked(productsForm(FORM, FEW), ofProducts(FORM, products, FEW))
    assert.equal(hex(two), '434f505601020000' + '0100ffff0201' + '4080')
    const three = encodeMasked(productsForm(FORM, MANY), ofProducts(FORM, products, MANY))
    assert.equal(hex(three), '434f505601020000' + '010000ffffff020100' + '4080ff')
    const form: BlockForm = { inputs: [1, 1], layers: [] }
    const squares = encodeMasked(meanSquaresForm(form), ofMeanSquares([Float32Array.of(1), Float32Array.of(2 ** -72)]))
    assert.equal(
      hex(squares),
      '434f505601010000' + '00000000000000000001000000000000' + '01000000000000000000000000000000',
    )
    const voted = rowForm(3)
    const block = { form: voted, method: { pruner: 'sparsegpt', target: share(0) }, base: [] } as const
    const votes = encodeMasked(
      votesForm(voted, 'sparsegpt'),
      ofVotes(block, sparse([256, 0, -(2 ** -24)]), ['a layer']),
    )
    assert.equal(
      hex(votes.subarray(8 + 3 * 16)),
      '010001' + '0000000001' + '0000000000' + 'ffffffffff',
      'votes, and then values',
    )
    assert.equal(hex(votes.subarray(0, 8)), '434f505601050000')
  })

  it('has a length that is known before', () => {
    const votes = [1, 6].map((each) => 8 + 5 * 16 + 8 * each)
    assert.deepEqual(FORMS.map(maskedBytes), [8 + 5 * 16, 8 + 4 * 2, 8 + 4 * 3, 8 + 7 * 8, 8 + 7 * 8 * 8, ...votes])
    for (const form of FORMS) {
      const nothing = form.parts.map((part) => new Wholes(part))
      assert.equal(encodeMasked(form, nothing).length, maskedBytes(form))
    }
  })

  it('may hold any numbers, and comes back as it was', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMS), fc.infiniteStream(fc.nat({ max: 255 })), (form, numbers) => {
        const bytes = encodeMasked(
          form,
          form.parts.map((part) => new Wholes(part)),
        )
        for (let at = 8; at < bytes.length; at++) bytes[at] = numbers.next().value
        assert.deepEqual(encodeMasked(form, sumOf(form, [bytes])), bytes)
      }),
    )
  })

  it('is refused as another kind, of another length, and with another header', () => {
    for (const form of FORMS) {
      const good = encodeMasked(
        form,
        form.parts.map((part) => new Wholes(part)),
      )
      const refused = (bytes: Uint8Array, reason: string) =>
        assert.throws(
          () => readMasked(form, bytes),
          (error) => error instanceof InvalidContributionError && error.reason === reason,
        )
      for (let end = 0; end < good.length; end++) refused(good.subarray(0, end), 'LENGTH')
      refused(Uint8Array.of(...good, 0), 'LENGTH')
      refused(good.with(0, 0), 'MAGIC')
      refused(good.with(4, 2), 'VERSION')
      refused(good.with(5, (good[5] % 5) + 1), 'KIND')
      refused(good.with(6, 1), 'RESERVED')
      refused(good.with(7, 1), 'RESERVED')
    }
  })

  it('is refused, or read, whatever a peer sends', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...FORMS),
        fc.uint8Array({ maxLength: 150 }),
        fc.boolean(),
        (form, noise, isHeaded) => {
          const bytes = isHeaded ? Uint8Array.of(...encodeMasked(form, []), ...noise) : noise
          try {
            readMasked(form, bytes)
            assert.equal(bytes.length, maskedBytes(form))
          } catch (error) {
            assert.ok(error instanceof InvalidContributionError)
          }
        },
      ),
    )
  })
})
