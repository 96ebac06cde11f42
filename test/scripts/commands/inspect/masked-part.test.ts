import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { encodeKeySheet } from '../../../../protocols/masked/key-sheet.ts'
import { encodeMemberKey } from '../../../../protocols/masked/member-key.ts'
import { encodeReveal, type Listing, type Reveal } from '../../../../protocols/masked/reveal.ts'
import { toHex } from '../../../../protocols/wire/encoding.ts'
import {
  type Beside,
  type MaskedPart,
  maskedPartOf,
  partInWords,
} from '../../../../scripts/commands/inspect/masked-part.ts'
import { encodeMasked, meanSquaresForm, productsForm } from '../../../../src/merge/masked/vector.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { type Members, members, reveals } from '../../../peers/masked/members.ts'
import { rowForm } from '../../../support/toy-blocks.ts'

const name = (member: number) => `site ${member}`
const ALONE: Beside = { name, listing: null, isOpened: null }
/** Member 3 came too late. */
const LISTING: Listing = { opening: 2, scheduled: [0, 1, 2, 3], listed: [0, 1, 2] }

const read = (bytes: Uint8Array, beside: Partial<Beside> = {}): MaskedPart =>
  maskedPartOf(bytes, { ...ALONE, ...beside }) ?? assert.fail()
const words = (bytes: Uint8Array, beside: Partial<Beside> = {}): string[] =>
  partInWords(read(bytes, beside), { ...ALONE, ...beside })

describe('inspect of a masked plan', () => {
  let four: Members
  let shown: Reveal
  before(async () => {
    four = await members(4, 2)
    ;[shown] = reveals(four, LISTING, [1])
  })

  it('tells a key', () => {
    const key = four.readers[0].keys[1]
    const bytes = encodeMemberKey({ member: 1, key })
    assert.deepEqual(read(bytes), { payload: 'key', key: toHex(key) })
    assert.match(words(bytes)[0], new RegExp(`X25519 public key, .*: ${toHex(key)}$`))
  })

  it('tells a key sheet, with its size by its own bytes', () => {
    const bytes = encodeKeySheet(four.sheets[2])
    assert.deepEqual(read(bytes), { payload: 'key sheet', openings: 2, receivers: 3, needed: 3 })
    assert.match(words(bytes)[0], /two secrets for each of 2 openings, .* to 3 other members, .* Any 3 members/)
  })

  it('tells whose secrets a reveal shows, and of which kind where the list is known', () => {
    const bytes = encodeReveal(shown)
    const of = (...kinds: string[]) => [0, 2, 3].map((member, i) => ({ member, of: kinds[i] }))
    const known = { payload: 'reveal', opening: 2, own: 'own', shares: of('own', 'own', 'secret') }
    assert.deepEqual(read(bytes, { listing: LISTING }), known)
    assert.deepEqual(words(bytes, { listing: LISTING }), [
      'It serves to open the sum of opening 2, and no single part of it. Its author shows:',
      '  the seed of its own stream',
      '  shares of the seeds of members in the list: site 0, site 2',
      '  shares of the private keys of members that are not in the list: site 3',
    ])
    const unknown = { ...known, own: 'unknown', shares: of('unknown', 'unknown', 'unknown') }
    assert.deepEqual(read(bytes), unknown)
    assert.equal(words(bytes).length, 3)
    const outside = encodeReveal({ ...shown, own: null })
    assert.equal(words(outside, { listing: LISTING }).length, 3)
  })

  it('prints no secret of a reveal', () => {
    const bytes = encodeReveal(shown)
    const text = [JSON.stringify(read(bytes, { listing: LISTING })), ...words(bytes, { listing: LISTING })].join()
    for (const secret of [shown.own ?? assert.fail(), ...shown.shares.map(({ share }) => share)])
      assert.ok(!text.includes(toHex(secret).slice(0, 8)))
  })

  it('tells a masked vector, and whether its sum is opened', () => {
    const form = rowForm(2)
    const squares = encodeMasked(meanSquaresForm(form), [Wholes.ofBigInts(16, [1n, 2n])])
    const products = encodeMasked(productsForm(form, 4), [Wholes.ofInt32s(2, Int32Array.of(3))])
    assert.deepEqual(read(squares), { payload: 'masked vector', of: 'meanSquares', isOpened: null })
    assert.deepEqual(read(products, { isOpened: true }), { payload: 'masked vector', of: 'products', isOpened: true })
    assert.deepEqual(
      [null, true, false].map((isOpened) => words(squares, { isOpened }).at(-1)),
      [
        'It carries mean squares as whole numbers that hide behind streams: by itself it says nothing.',
        'The sum that it is in is opened.',
        'The sum that it is in is not opened.',
      ],
    )
  })

  it('finds nothing in other bytes', () => {
    const sheet = encodeKeySheet(four.sheets[2])
    for (const bytes of [new Uint8Array(), Uint8Array.of(0xa0), new Uint8Array(100), sheet.slice(0, -1)])
      assert.equal(maskedPartOf(bytes, ALONE), null)
  })
})
