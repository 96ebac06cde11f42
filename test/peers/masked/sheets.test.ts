import assert from 'node:assert/strict'
import { createCipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { dealSheet } from '../../../peers/masked/deal.ts'
import type { SheetReader } from '../../../peers/masked/reader.ts'
import { isSecret } from '../../../peers/masked/reveals.ts'
import { examineSheet, memberKeyFault } from '../../../peers/masked/sheets.ts'
import { publicKeyOf, sharedSecret } from '../../../peers/masked/x25519.ts'
import { decodeKeySheet, encodeKeySheet, type KeySheet, shareFor } from '../../../protocols/masked/key-sheet.ts'
import { encodeMemberKey } from '../../../protocols/masked/member-key.ts'
import { flipped } from '../../support/people.ts'
import { drawn, encodedSheets, faultOfAll, type Members, members, PLAN, withOpening, withShares } from './members.ts'
import { inverted, lowOrderKeys } from './points.ts'

const DEALER = 2

describe('the key of a member', () => {
  const own = drawn()
  const fault = (member: number, key: Uint8Array, author: number) =>
    memberKeyFault(encodeMemberKey({ member, key }), author, own)

  it('is taken from its owner', () => {
    assert.equal(fault(1, publicKeyOf(drawn()), 1), null)
    assert.equal(fault(1, publicKeyOf(own), 1), null, 'its own')
  })

  it('is refused where it is no key, another member’s, or of low order', () => {
    assert.match(memberKeyFault(new Uint8Array(3), 1, own) ?? '', /^the key of member 1: member key: not/)
    assert.match(fault(2, publicKeyOf(drawn()), 1) ?? '', /^the key of member 1 says that it is member 2's/)
    for (const [name, key] of lowOrderKeys()) assert.match(fault(1, key, 1) ?? '', /member 1 is of low order/, name)
  })
})

describe('key sheets', () => {
  let all: Members
  before(async () => {
    all = await members(4, 2)
  })
  const fault = (changed: KeySheet, reader: SheetReader, dealer = DEALER) =>
    examineSheet(reader, encodeKeySheet(changed), dealer).fault ?? ''

  it('are taken by all members', () => {
    const bytes = encodedSheets(all.sheets)
    for (const reader of all.readers) assert.equal(faultOfAll(reader, bytes), null)
  })

  it('of one salt and polynomials are never dealt twice', async () => {
    const [one, two] = await Promise.all([0, 1].map(() => dealSheet(all.readers[0], all.secrets[0])))
    assert.notDeepEqual(one.salt, two.salt)
    assert.deepEqual(one.openings[0].own, two.openings[0].own)
    for (const [i, { own, secret }] of one.openings[0].shares.entries()) {
      assert.notDeepEqual(own, two.openings[0].shares[i].own)
      assert.notDeepEqual(secret, two.openings[0].shares[i].secret)
    }
  })

  it('are dealt with chance of which no byte is drawn twice', () => {
    // shamir-secret-sharing takes the whole memory below what Node draws: a pool would give it the same byte each time.
    for (const length of [1, 255]) assert.equal(randomBytes(length).buffer.byteLength, length)
  })

  it('are sealed as docs/reference/protocol.md says', () => {
    const [from, to, opening] = [DEALER, 3, 2]
    const { salt } = all.sheets[from]
    const shared = sharedSecret(all.readers[to].privateKey, all.readers[to].keys[from]) as Uint8Array
    const numbers = Buffer.from([0, 0, 0, opening, 0, 0, 0, from, 0, 0, 0, to])
    const info = Buffer.concat([Buffer.from('coppice/share/1'), PLAN, salt, numbers])
    const key = new Uint8Array(hkdfSync('sha256', shared, '', info, 32))
    const { sealed, own, secret } = shareFor(all.sheets[from], opening, to)
    // In counter mode of GCM the text begins at counter 2; encrypting again decrypts.
    const counter = Buffer.concat([Buffer.alloc(12), Buffer.from([0, 0, 0, 2])])
    const text = createCipheriv('aes-256-ctr', key, counter).update(sealed.subarray(0, 66))
    const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
    assert.deepEqual([sha256(text.subarray(0, 33)), sha256(text.subarray(33))], [own, secret])
  })

  it('are refused in another form, of another member, of another plan, and with another number of openings', () => {
    const [sheet, reader] = [all.sheets[DEALER], all.readers[0]]
    const refused: [sheet: KeySheet, says: RegExp][] = [
      [{ ...sheet, member: 1 }, /^the key sheet of member 2 says that it is member 1's/],
      [{ ...sheet, member: 4 }, /^the key sheet of member 2: key sheet: not this message: member/],
      [{ ...sheet, openings: sheet.openings.slice(1) }, /^the key sheet of member 2: key sheet: .*openings/],
      [{ ...sheet, openings: [...sheet.openings, sheet.openings[0]] }, /^the key sheet of member 2: .*too large/],
      [withOpening(sheet, { shares: sheet.openings[0].shares.slice(1) }), /member 2: key sheet: .*openings.0.shares/],
      [
        { ...sheet, openings: sheet.openings.toReversed() },
        /^the key sheet of member 2, opening 1: the shares for mem/,
      ],
    ]
    for (const [changed, says] of refused) assert.match(fault(changed, reader), says)
    const elsewhere = { ...reader, plan: new Uint8Array(32) }
    assert.match(fault(sheet, elsewhere), /opening 1: the shares for member 0 cannot be opened/)
    assert.match(faultOfAll(reader, encodedSheets(all.sheets.slice(0, -1))) ?? '', /^3 key sheets of 4 members/)
  })

  it('with a key of low order are refused by everybody, the opening named', () => {
    for (const [name, key] of lowOrderKeys()) {
      const changed = withOpening(all.sheets[DEALER], { key })
      for (const reader of all.readers)
        assert.equal(fault(changed, reader), 'the key sheet of member 2, opening 1: its key is of low order', name)
    }
  })

  it('with one flipped bit in a ciphertext or in the hash of a share are refused by that receiver', () => {
    for (const part of ['sealed', 'own', 'secret'] as const) {
      const [first, ...rest] = all.sheets[DEALER].openings[0].shares
      for (const bit of [0, 8 * first[part].byteLength - 1]) {
        const changed = withOpening(all.sheets[DEALER], {
          shares: [{ ...first, [part]: flipped(first[part], bit) }, ...rest],
        })
        const told =
          part === 'sealed'
            ? 'the shares for member 0 cannot be opened'
            : `the share of "${part}" for member 0 has another hash`
        assert.equal(fault(changed, all.readers[0]), `the key sheet of member 2, opening 1: ${told}`)
        assert.equal(fault(changed, all.readers[1]), '')
      }
    }
  })

  it('with one flipped bit in the salt are refused by every receiver', () => {
    const changed = { ...all.sheets[DEALER], salt: flipped(all.sheets[DEALER].salt, 5) }
    for (const receiver of [0, 1, 3])
      assert.match(fault(changed, all.readers[receiver]), new RegExp(`member ${receiver} cannot be opened`))
  })

  it('with shares that were dealt to somebody else are refused', () => {
    const [first, second, third] = all.sheets[DEALER].openings[0].shares
    const changed = withOpening(all.sheets[DEALER], { shares: [second, first, third] })
    assert.match(fault(changed, all.readers[0]), /the shares for member 0 cannot be opened/)
  })

  it('with shares that no polynomial gave are taken: nobody can tell before they are put together', () => {
    const shares = { own: drawn(33), secret: drawn(33) }
    const changed = withShares(all.readers[DEALER], all.sheets[DEALER], 0, shares)
    for (const reader of all.readers) assert.equal(fault(changed, reader), '')
  })

  it('with any bit flipped are refused by somebody, or do not fit the secrets of their dealer', () => {
    const bytes = encodeKeySheet(all.sheets[DEALER])
    const property = fc.property(fc.nat(8 * bytes.byteLength - 1), (bit) => {
      const changed = flipped(bytes, bit)
      const faults = all.readers.map((reader) => examineSheet(reader, changed, DEALER).fault)
      if (faults.some((fault) => fault !== null)) return
      const { openings } = decodeKeySheet(changed, { members: 4, openings: 2 })
      const fit = openings.every((opening, i) =>
        (['own', 'secret'] as const).every((kind) => isSecret(opening, kind, all.secrets[DEALER][i][kind])),
      )
      assert.equal(fit, false, `bit ${bit}`)
    })
    fc.assert(property, { numRuns: 150 })
  })

  it('with the key of another member, in any form, are refused by everybody, and both are named', () => {
    const victim = all.sheets[0].openings[0].key
    for (const key of [victim, inverted(victim), flipped(victim, 255)]) {
      const bytes = encodedSheets(all.sheets, withOpening(all.sheets[DEALER], { key }))
      for (const reader of all.readers)
        assert.equal(faultOfAll(reader, bytes), 'opening 1: the keys of members 0 and 2 are the same')
    }
  })
})
