import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_OPENINGS, SEALED_BYTES } from '../../../protocols/masked/constants.ts'
import {
  decodeKeySheet,
  encodeKeySheet,
  type KeySheet,
  maxSheetBytes,
  type SheetSize,
  shareFor,
} from '../../../protocols/masked/key-sheet.ts'
import { decodeMemberKey, encodeMemberKey, MAX_MEMBER_KEY_BYTES } from '../../../protocols/masked/member-key.ts'
import {
  decodeReveal,
  encodeReveal,
  maxRevealBytes,
  type Reveal,
  revealedKind,
} from '../../../protocols/masked/reveal.ts'
import { MAX_MEMBERS, MAX_ROUNDS } from '../../../protocols/plan/offer.ts'
import { encode, MalformedMessageError } from '../../../protocols/wire/encoding.ts'

const hash = (fill: number) => new Uint8Array(32).fill(fill)
const share = (length = 33) => new Uint8Array(length).fill(9)

function aSheet({ members, openings }: SheetSize, member = members - 1): KeySheet {
  const dealt = (i: number) => ({ sealed: new Uint8Array(SEALED_BYTES).fill(i), own: hash(i), secret: hash(i + 1) })
  const opening = {
    key: hash(1),
    own: hash(2),
    secret: hash(3),
    shares: Array.from({ length: members - 1 }, (_, i) => dealt(i)),
  }
  return { member, salt: new Uint8Array(16), openings: Array.from({ length: openings }, () => opening) }
}

const others = (members: number) => Array.from({ length: members - 1 }, (_, member) => ({ member, share: share() }))
const aReveal = (members: number, opening = 1): Reveal => {
  return { member: members - 1, opening, own: hash(4), shares: others(members) }
}

/** Refused, with this place or reason in the message. */
function assertRefused(decode: () => unknown, says: RegExp, id: string): void {
  assert.throws(decode, (error) => error instanceof MalformedMessageError && says.test(error.message), id)
}

describe('a member key', () => {
  it('comes back from its bytes, of which there are few', () => {
    const largest = { member: MAX_MEMBERS - 1, key: hash(1) }
    assert.deepEqual(decodeMemberKey(encodeMemberKey(largest)), largest)
    assert.equal(encodeMemberKey(largest).byteLength, MAX_MEMBER_KEY_BYTES)
  })

  const hostile: { id: string; message: unknown; says: RegExp }[] = [
    { id: 'a short key', message: { member: 0, key: share(31) }, says: /key: must be 32 bytes/ },
    { id: 'a member too many', message: { member: MAX_MEMBERS, key: hash(1) }, says: /member/ },
    { id: 'a key more', message: { member: 0, key: hash(1), a: 1 }, says: /a/ },
    { id: 'a long key', message: { member: 0, key: share(40) }, says: /too large/ },
    { id: 'no map', message: [0, hash(1)], says: /not this message/ },
  ]
  for (const { id, message, says } of hostile)
    it(`is refused with ${id}`, () => assertRefused(() => decodeMemberKey(encode(message)), says, id))
})

describe('a key sheet', () => {
  const size = { members: 4, openings: 2 }

  it('comes back from its bytes', () => {
    const sheet = aSheet(size)
    assert.deepEqual(decodeKeySheet(encodeKeySheet(sheet), size), sheet)
  })

  it('has at most the bytes that members and openings allow, and hardly fewer', () => {
    for (const size of [
      { members: 3, openings: 1 },
      { members: 25, openings: 24 },
      { members: MAX_MEMBERS, openings: 10 },
    ]) {
      const { byteLength } = encodeKeySheet(aSheet(size))
      const spare = maxSheetBytes(size) - byteLength
      assert.ok(spare >= 0 && spare <= 4 + size.openings, `${size.members}, ${size.openings}: ${spare}`)
    }
    const largest = { members: MAX_MEMBERS, openings: MAX_OPENINGS }
    assert.equal(encodeKeySheet(aSheet(largest)).byteLength, maxSheetBytes(largest))
    assert.equal(maxSheetBytes(largest), 4_873_278)
    assert.equal(
      maxSheetBytes({ members: MAX_MEMBERS, openings: 1 }) - maxSheetBytes({ members: MAX_MEMBERS, openings: 0 }),
      9766,
    )
  })

  it('has openings for as many rounds as there may be', () => {
    assert.equal(2 * MAX_OPENINGS + 2, MAX_ROUNDS)
  })

  it('has the shares of all members but its dealer, in the order of the roster', () => {
    const sheet = aSheet(size, 1)
    const shares = [0, 2, 3].map((member) => shareFor(sheet, 2, member))
    assert.deepEqual(shares, sheet.openings[1].shares)
    assert.throws(() => shareFor(sheet, 1, 1), RangeError)
  })

  const good = aSheet(size)
  const [opening] = good.openings
  const triples = opening.shares.map(({ sealed, own, secret }) => [sealed, own, secret])
  const wire = (changes: object, shares: unknown = triples, more: object = {}) => {
    const first = { ...opening, shares, ...changes }
    return encode({ ...good, openings: [first, first], ...more })
  }
  const hostile: { id: string; bytes: Uint8Array; says: RegExp }[] = [
    { id: 'a member beyond the roster', bytes: encodeKeySheet({ ...good, member: 4 }), says: /: member/ },
    { id: 'a short salt', bytes: encodeKeySheet({ ...good, salt: share(15) }), says: /salt: must be 16/ },
    { id: 'an opening too few', bytes: encodeKeySheet({ ...good, openings: [opening] }), says: /openings/ },
    { id: 'an opening too many', bytes: encodeKeySheet(aSheet({ members: 4, openings: 3 })), says: /too large/ },
    { id: 'a share too few', bytes: wire({}, triples.slice(1)), says: /openings.0.shares/ },
    { id: 'a share too many', bytes: wire({}, [...triples, triples[0]]), says: /too large/ },
    { id: 'a short key', bytes: wire({ key: share(31) }), says: /openings.0.key: must be 32/ },
    { id: 'a short hash', bytes: wire({ secret: share(31) }), says: /openings.0.secret: must be 32/ },
    {
      id: 'a short ciphertext',
      bytes: wire({}, triples.with(2, [share(81), hash(1), hash(1)])),
      says: /shares.2.0: must/,
    },
    { id: 'a hash too few', bytes: wire({}, triples.with(0, [share(82), hash(1)])), says: /shares.0/ },
    { id: 'a text for a hash', bytes: wire({ own: 'x'.repeat(32) }), says: /openings.0.own/ },
    { id: 'a key more', bytes: wire({}, triples, { m: 1 }), says: /not this message: .*"m"/ },
  ]
  for (const { id, bytes, says } of hostile)
    it(`is refused with ${id}`, () => assertRefused(() => decodeKeySheet(bytes, size), says, id))

  it('that is longer than the largest one is refused unread', () => {
    assertRefused(() => decodeKeySheet(new Uint8Array(maxSheetBytes(size) + 1), size), /too large/, 'one byte more')
    assertRefused(() => decodeKeySheet(new Uint8Array(maxSheetBytes(size)), size), /not CBOR/, 'as long as it may be')
  })
})

describe('a reveal', () => {
  it('comes back from its bytes, with a secret of its own or without', () => {
    for (const own of [hash(1), null]) {
      const reveal = { ...aReveal(4), own }
      assert.deepEqual(decodeReveal(encodeReveal(reveal), 4), reveal)
    }
  })

  it('has at most the bytes that members allow', () => {
    assert.ok(encodeReveal(aReveal(4, MAX_OPENINGS)).byteLength <= maxRevealBytes(4))
    const largest = encodeReveal(aReveal(MAX_MEMBERS, MAX_OPENINGS)).byteLength
    // The 24 smallest members take a byte less each.
    assert.equal(maxRevealBytes(MAX_MEMBERS) - largest, 24)
    assert.equal(maxRevealBytes(MAX_MEMBERS), 2462)
  })

  it('is of b of the listed and of p of the missing', () => {
    const listing = { opening: 1, scheduled: [0, 1, 3], listed: [0, 3] }
    assert.deepEqual(
      [0, 1, 2, 3].map((member) => revealedKind(listing, member)),
      ['own', 'secret', null, 'own'],
    )
  })

  const good = aReveal(4)
  const [first, second] = good.shares
  const hostile: { id: string; reveal: object; says: RegExp }[] = [
    { id: 'no opening', reveal: { ...good, opening: 0 }, says: /opening/ },
    { id: 'an opening too many', reveal: { ...good, opening: MAX_OPENINGS + 1 }, says: /opening/ },
    { id: 'a member too many', reveal: { ...good, member: MAX_MEMBERS }, says: /member/ },
    { id: 'a short secret', reveal: { ...good, own: share(31) }, says: /own: must be 32/ },
    {
      id: 'a short share',
      reveal: { ...good, shares: [{ member: 0, share: share(32) }] },
      says: /shares.0.1: must be 33/,
    },
    { id: 'a member twice', reveal: { ...good, shares: [first, first] }, says: /must ascend/ },
    { id: 'members that do not ascend', reveal: { ...good, shares: [second, first] }, says: /must ascend/ },
    { id: 'a share of itself', reveal: { ...good, member: 1 }, says: /a share of itself/ },
    { id: 'both secrets', reveal: { ...good, shares: [first], secret: hash(2) }, says: /secret/ },
    { id: 'more shares than members', reveal: { ...good, member: 63, shares: others(8) }, says: /too large/ },
  ]
  for (const { id, reveal, says } of hostile)
    it(`is refused with ${id}`, () => assertRefused(() => decodeReveal(encodeReveal(reveal as Reveal), 4), says, id))
})
