/**
 * The reveal: what a member contributes once the list of an opening is certified. It is about one secret of each
 * scheduled member and never the other: b of those in the list, whose own streams are taken away; p of those that are
 * missing, whose streams with the listed ones are taken away.
 */
import { z } from 'zod'
import { MAX_MEMBERS } from '../plan/offer.ts'
import { decode, encode, fixedBytes, integer } from '../wire/encoding.ts'
import { MAX_OPENINGS, SECRET_BYTES, SHARE_BYTES } from './constants.ts'
import type { SecretKind } from './key-sheet.ts'

/** The list of an opening. It decides what is revealed. */
export interface Listing {
  /** The number of the opening: 1, 2, ... */
  opening: number
  /** The members whose masked vectors were asked for; ascending. */
  scheduled: readonly number[]
  /** Those of them whose masked vectors are summed; ascending. */
  listed: readonly number[]
}

export interface Reveal {
  /** The author's index in the roster. */
  member: number
  opening: number
  /** The author's own b or p; null: it is not scheduled. */
  own: Uint8Array | null
  /** The author's share of b or p of every other scheduled member; ascending by member. */
  shares: RevealedShare[]
}

export interface RevealedShare {
  /** The dealer. */
  member: number
  share: Uint8Array
}

/** The secret of a member that a listing reveals; null: the member is not scheduled. */
export function revealedKind({ scheduled, listed }: Listing, member: number): SecretKind | null {
  if (listed.includes(member)) return 'own'
  return scheduled.includes(member) ? 'secret' : null
}

/** A map (1), `own` (4 + 34), `member` (7 + 2), `shares` (7 + 2), `opening` (8 + 3). */
const HEAD_BYTES = 68
/** An array (1), the member (2), the share (2 + 33). */
const REVEALED_SHARE_BYTES = 38

/** The most bytes of a reveal: 2,462 for 64 members. */
export function maxRevealBytes(members: number): number {
  return HEAD_BYTES + (members - 1) * REVEALED_SHARE_BYTES
}

const member = integer(0, MAX_MEMBERS - 1)

const revealSchema = z
  .strictObject({
    member,
    opening: integer(1, MAX_OPENINGS),
    own: fixedBytes(SECRET_BYTES).nullable(),
    shares: z
      .array(
        z.tuple([member, fixedBytes(SHARE_BYTES)]).transform(([member, share]): RevealedShare => ({ member, share })),
      )
      .max(MAX_MEMBERS - 1)
      .refine((shares) => shares.every(({ member }, i) => i === 0 || shares[i - 1].member < member), 'must ascend'),
  })
  .refine(({ member, shares }) => shares.every((share) => share.member !== member), 'a share of itself')

export function encodeReveal({ shares, ...head }: Reveal): Uint8Array {
  return encode({ ...head, shares: shares.map(({ member, share }) => [member, share]) })
}

/** @throws {MalformedMessageError} the bytes are not a reveal; whether its secrets are the dealt ones is not checked */
export function decodeReveal(bytes: Uint8Array, members: number): Reveal {
  return decode({ what: 'reveal', schema: revealSchema, maxBytes: maxRevealBytes(members) }, bytes)
}
