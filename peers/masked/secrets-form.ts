/**
 * The bytes of the secrets file: the SHA-256 of the rest, then a CBOR map. The hash shows damage: one flipped bit of a
 * secret would be a secret that no sheet commits to.
 */
import { z } from 'zod'
import { KEY_BYTES, MAX_OPENINGS, SECRET_BYTES, SHARE_BYTES } from '../../protocols/masked/constants.ts'
import { LARGEST_SHEET_BYTES } from '../../protocols/masked/key-sheet.ts'
import { maxRevealBytes } from '../../protocols/masked/reveal.ts'
import { hashOf, MAX_MEMBERS } from '../../protocols/plan/offer.ts'
import {
  boundedBytes,
  decode,
  encode,
  equalBytes,
  fixedBytes,
  HASH_BYTES,
  hashSchema,
  integer,
  MalformedMessageError,
} from '../../protocols/wire/encoding.ts'
import type { OpeningSecrets, ReceivedShares } from './reader.ts'

export interface KeptSecrets {
  plan: Uint8Array
  /** The member's index in the roster. */
  self: number
  members: number
  publicKey: Uint8Array
  /** null: forgotten, since the shares of all openings are here. */
  privateKey: Uint8Array | null
  /** Opening o stands at o - 1. */
  openings: KeptOpening[]
  /** null: not drawn yet. */
  sheet: KeptSheet | null
}

export interface KeptOpening {
  /** null: forgotten. */
  secrets: OpeningSecrets | null
  /** The fingerprint of the text and settings for which the opening was masked; null: it was not. */
  used: Uint8Array | null
  /** The shares that others have dealt; null: they are still sealed in the sheets, or forgotten. */
  shares: ReceivedShares | null
  /** The bytes of the member's reveal, in place of its secrets and shares; null: not made, or forgotten. */
  reveal: Uint8Array | null
}

interface KeptSheet {
  /** The keys of all members, for which the sheet was made. */
  keys: Uint8Array[]
  /** The encoded sheet. */
  bytes: Uint8Array
}

/** Raised with each change of the form. */
const VERSION = 3

/** Room for the keys of the map, its numbers, plan, own keys and the lengths of what follows: fewer than 200. */
const HEAD_BYTES = 256
/** The most bytes of two shares: an array (1), the shares (2 * (2 + 33)). */
const SHARES_BYTES = 1 + 2 * (2 + SHARE_BYTES)
/** The most bytes of a reveal in the file: its length (3) and itself. */
const REVEAL_BYTES = 3 + maxRevealBytes(MAX_MEMBERS)
/**
 * The most bytes of the file: of an opening two secrets, a fingerprint, the shares of all and a reveal; of each member
 * a key; and the sheet.
 */
export const MAX_SECRETS_BYTES =
  HASH_BYTES +
  HEAD_BYTES +
  MAX_OPENINGS * (2 + 2 * (SECRET_BYTES + 2) + (HASH_BYTES + 2) + 2 + MAX_MEMBERS * SHARES_BYTES + REVEAL_BYTES) +
  MAX_MEMBERS * (KEY_BYTES + 2) +
  LARGEST_SHEET_BYTES

const keySchema = fixedBytes(KEY_BYTES)
const secretSchema = fixedBytes(SECRET_BYTES)

/** Two secrets, or a share of each. */
function pairSchema(bytes: number) {
  const part = fixedBytes(bytes)
  return z.tuple([part, part]).transform(([own, secret]): OpeningSecrets => ({ own, secret }))
}

const sharesSchema = z.array(pairSchema(SHARE_BYTES).nullable()).max(MAX_MEMBERS)
const openingSchema = z
  .tuple([
    pairSchema(SECRET_BYTES).nullable(),
    hashSchema.nullable(),
    sharesSchema.nullable(),
    boundedBytes(maxRevealBytes(MAX_MEMBERS)).nullable(),
  ])
  .transform(([secrets, used, shares, reveal]): KeptOpening => ({ secrets, used, shares, reveal }))

const keptSchema = z.strictObject({
  version: z.literal(VERSION),
  plan: hashSchema,
  self: integer(0, MAX_MEMBERS - 1),
  members: integer(1, MAX_MEMBERS),
  publicKey: keySchema,
  privateKey: secretSchema.nullable(),
  openings: z.array(openingSchema).max(MAX_OPENINGS),
  sheet: z
    .strictObject({ keys: z.array(keySchema).max(MAX_MEMBERS), bytes: boundedBytes(LARGEST_SHEET_BYTES) })
    .nullable(),
})

export function encodeSecrets({ openings, ...kept }: KeptSecrets): Uint8Array {
  const body = encode({ ...kept, version: VERSION, openings: openings.map(wireOpening) })
  return new Uint8Array(Buffer.concat([hashOf(body), body]))
}

function wireOpening({ reveal, secrets, shares, used }: KeptOpening): unknown[] {
  return [wirePair(secrets), used, shares?.map(wirePair) ?? null, reveal]
}

function wirePair(pair: OpeningSecrets | null): Uint8Array[] | null {
  return pair && [pair.own, pair.secret]
}

/** null: the file is damaged, or of another version. */
export function decodeSecrets(bytes: Uint8Array): KeptSecrets | null {
  const body = bytes.subarray(HASH_BYTES)
  if (!equalBytes(bytes.subarray(0, HASH_BYTES), hashOf(body))) return null
  try {
    const { version: _, ...kept } = decode({ what: 'secrets', schema: keptSchema, maxBytes: MAX_SECRETS_BYTES }, body)
    return kept
  } catch (error) {
    if (error instanceof MalformedMessageError) return null
    throw error
  }
}
