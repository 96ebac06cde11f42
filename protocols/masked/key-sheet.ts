/**
 * The key sheet: what a member contributes in the second round of a masked plan. For every opening it commits the
 * member to two secrets, and deals shares of both to all other members:
 *   own     b, the seed of the stream that the member adds for itself
 *   secret  p, an X25519 private key, from which the streams between two members follow; P is its public key
 * A quorum of the other members can give either of them back, and nobody ever gives back both: see reveal.ts. Source:
 * Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, section 6.
 */
import { z } from 'zod'
import { MAX_MEMBERS } from '../plan/offer.ts'
import { decode, encode, fixedBytes, hashSchema, integer } from '../wire/encoding.ts'
import { KEY_BYTES, MAX_OPENINGS, SALT_BYTES, SEALED_BYTES } from './constants.ts'

/** The two secrets of a member in an opening. */
export type SecretKind = 'own' | 'secret'

/** The number of members of the plan, and of its openings. */
export interface SheetSize {
  members: number
  openings: number
}

export interface KeySheet {
  /** The dealer's index in the roster. */
  member: number
  salt: Uint8Array
  /** Opening o stands at o - 1. */
  openings: SheetOpening[]
}

export interface SheetOpening {
  /** P, the public key of `secret`. */
  key: Uint8Array
  /** SHA-256 of b. */
  own: Uint8Array
  /** SHA-256 of p. */
  secret: Uint8Array
  /** One for each other member, in the roster's order: see shareFor. */
  shares: DealtShare[]
}

/** The shares of one receiver. They are 33 bytes at random, so their hashes need no salt. */
interface DealtShare {
  /** Both shares, encrypted to the receiver. */
  sealed: Uint8Array
  /** SHA-256 of the share of b. */
  own: Uint8Array
  /** SHA-256 of the share of p. */
  secret: Uint8Array
}

/** A map (1), `salt` (5 + 17), `member` (7 + 2), `openings` (9 + 3). */
const HEAD_BYTES = 44
/** A map (1), `key` (4 + 34), `own` (4 + 34), `secret` (7 + 34), `shares` (7 + 2). */
const OPENING_BYTES = 127
/** An array (1), the ciphertext (2 + 82), two hashes (2 * 34). */
const DEALT_SHARE_BYTES = 153

/**
 * The most bytes of a key sheet; small numbers take up to 4 + o bytes less. A sheet of 64 members has 9,766 bytes an
 * opening.
 */
export function maxSheetBytes({ members, openings }: SheetSize): number {
  return HEAD_BYTES + openings * (OPENING_BYTES + (members - 1) * DEALT_SHARE_BYTES)
}

const dealtShareSchema = z
  .tuple([fixedBytes(SEALED_BYTES), hashSchema, hashSchema])
  .transform(([sealed, own, secret]): DealtShare => ({ sealed, own, secret }))

function sheetSchema({ members, openings }: SheetSize): z.ZodType<KeySheet> {
  const openingSchema = z.strictObject({
    key: fixedBytes(KEY_BYTES),
    own: hashSchema,
    secret: hashSchema,
    shares: z.array(dealtShareSchema).length(members - 1),
  })
  return z.strictObject({
    member: integer(0, members - 1),
    salt: fixedBytes(SALT_BYTES),
    openings: z.array(openingSchema).length(openings),
  })
}

export function encodeKeySheet({ openings, ...head }: KeySheet): Uint8Array {
  return encode({ ...head, openings: openings.map(wireOpening) })
}

function wireOpening({ shares, ...head }: SheetOpening): object {
  return { ...head, shares: shares.map(({ sealed, own, secret }) => [sealed, own, secret]) }
}

/** @throws {MalformedMessageError} the bytes are not a sheet of that size; its keys and shares are not checked here */
export function decodeKeySheet(bytes: Uint8Array, size: SheetSize): KeySheet {
  return decode({ what: 'key sheet', schema: sheetSchema(size), maxBytes: maxSheetBytes(size) }, bytes)
}

/** The most bytes of any key sheet. */
export const LARGEST_SHEET_BYTES = maxSheetBytes({ members: MAX_MEMBERS, openings: MAX_OPENINGS })
const sizeSchema = z.looseObject({ openings: z.array(z.looseObject({ shares: z.array(z.unknown()) })).min(1) })

/**
 * The size of a sheet whose plan is not known, as its bytes say.
 * @throws {MalformedMessageError} the bytes are no sheet
 */
export function sheetSizeOf(bytes: Uint8Array): SheetSize {
  const { openings } = decode({ what: 'key sheet', schema: sizeSchema, maxBytes: LARGEST_SHEET_BYTES }, bytes)
  return { members: openings[0].shares.length + 1, openings: openings.length }
}

/** The shares that a sheet has for another member. @throws {RangeError} a dealer has no share for itself */
export function shareFor(sheet: KeySheet, opening: number, receiver: number): DealtShare {
  if (receiver === sheet.member) throw new RangeError(`member ${receiver} deals no share to itself`)
  const { shares } = sheet.openings[opening - 1]
  return shares[receiver < sheet.member ? receiver : receiver - 1]
}
