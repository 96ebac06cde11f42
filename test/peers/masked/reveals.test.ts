import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { makeReveal, revealFault } from '../../../peers/masked/reveals.ts'
import { publicKeyOf } from '../../../peers/masked/x25519.ts'
import { encodeReveal, type Listing, type Reveal } from '../../../protocols/masked/reveal.ts'
import { flipped } from '../../support/people.ts'
import { drawn, encodedSheets, type Members, members, partOf, withOpening } from './members.ts'

/** Members 0, 2 and 3 are listed, 4 is missing, 1 was not scheduled. */
const LISTING: Listing = { opening: 2, scheduled: [0, 2, 3, 4], listed: [0, 2, 3] }

describe('the reveal of a member', () => {
  let all: Members
  before(async () => {
    all = await members(5, 2)
  })
  const revealOf = (member: number, listing = LISTING): Reveal =>
    makeReveal(partOf(all, member, listing.opening), listing)
  const fault = (reveal: Reveal, author = reveal.member, sheets = all.sheets) =>
    revealFault(sheets, LISTING, encodeReveal(reveal), author) ?? ''

  it('has its own b if it is listed, its p if it is missing, nothing if it is not scheduled', () => {
    const own = (member: number) => all.secrets[member][1]
    assert.deepEqual(revealOf(0).own, own(0).own)
    assert.deepEqual(revealOf(4).own, own(4).secret)
    assert.equal(revealOf(1).own, null)
  })

  it('has a share of every other member that is scheduled', () => {
    const dealers = [0, 1, 4].map((member) => revealOf(member).shares.map((share) => share.member))
    assert.deepEqual(dealers, [
      [2, 3, 4],
      [0, 2, 3, 4],
      [0, 2, 3],
    ])
    for (const member of all.sheets.keys()) assert.equal(fault(revealOf(member)), '')
  })

  it('is refused in another form, of another member, and of another opening', () => {
    const reveal = revealOf(0)
    assert.match(revealFault(all.sheets, LISTING, new Uint8Array(9), 0) ?? '', /^the reveal of member 0: reveal: not/)
    assert.match(fault(reveal, 2), /^the reveal of member 2 says that it is member 0's/)
    assert.match(fault(revealOf(0, { ...LISTING, opening: 1 })), /^the reveal of member 0 is of opening 1, not 2/)
  })

  it('is refused with other entries than the list asks for', () => {
    const [listed, stranger] = [revealOf(0), revealOf(1)]
    assert.equal(fault({ ...listed, own: null }), 'the reveal of member 0 lacks the member\'s own "own"')
    assert.match(
      fault({ ...stranger, own: drawn() }),
      /^the reveal of member 1 has a secret of its own, and .* not sch/,
    )
    const { shares } = listed
    assert.equal(fault({ ...listed, shares: shares.slice(1) }), 'the reveal of member 0 lacks a share of member 2')
    const unasked = [{ member: 1, share: shares[0].share }, ...shares]
    assert.match(fault({ ...listed, shares: unasked }), /^the reveal of member 0 has a share of member 1, which is not/)
  })

  it('is refused with the secret that the list does not ask for', () => {
    const [listed, missing] = [revealOf(0), revealOf(4)]
    const [b, p] = [all.secrets[4][1].own, all.secrets[0][1].secret]
    assert.equal(
      fault({ ...listed, own: p }),
      'the reveal of member 0: the member\'s own "own" is not the one of its sheet',
    )
    assert.match(fault({ ...missing, own: b }), /^the reveal of member 4: the member's own "secret" is not/)
    const other = revealOf(0, { ...LISTING, listed: [0, 2, 4] })
    assert.match(fault(other), /^the reveal of member 0: its share of member 3's "own" is not the one that was dealt/)
  })

  it('is refused with one flipped bit in a share or in a secret, which is named', () => {
    for (const member of [0, 1, 4]) {
      const reveal = revealOf(member)
      for (const [i, { member: dealer, share }] of reveal.shares.entries()) {
        const kind = dealer === 4 ? 'secret' : 'own'
        for (const bit of [0, 8 * 33 - 1]) {
          const shares = reveal.shares.with(i, { member: dealer, share: flipped(share, bit) })
          const told = `the reveal of member ${member}: its share of member ${dealer}'s "${kind}" is not the one that was dealt`
          assert.equal(fault({ ...reveal, shares }), told)
        }
      }
      const { own } = reveal
      if (own !== null) assert.match(fault({ ...reveal, own: flipped(own, 100) }), /is not the one of its sheet/)
    }
  })

  it('is refused with a private key that fits its hash, but not the public key beside it', () => {
    const [, opening] = all.sheets[4].openings
    const changed = {
      ...all.sheets[4],
      openings: [all.sheets[4].openings[0], { ...opening, key: publicKeyOf(drawn()) }],
    }
    const sheets = all.sheets.with(4, changed)
    assert.match(fault(revealOf(4), 4, sheets), /^the reveal of member 4: the member's own "secret" is not the one/)
  })

  it('is not made from sheets that were not checked', () => {
    const changed = withOpening(all.sheets[2], { shares: all.sheets[2].openings[0].shares.toReversed() })
    assert.equal(encodedSheets(all.sheets, changed).length, 5)
    const sheets = all.sheets.with(2, changed)
    assert.throws(() => partOf({ ...all, sheets }, 0, 1), /member 2 was not checked/)
  })
})
