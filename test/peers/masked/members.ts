/** Members of a masked plan in memory: their keys, secrets and sheets, and what liars among them do to a sheet. */
import { randomBytes } from 'node:crypto'
import { dealSheet } from '../../../peers/masked/deal.ts'
import type { OpeningSecrets, SheetReader } from '../../../peers/masked/reader.ts'
import { makeReveal, type OpeningPart, revealFault } from '../../../peers/masked/reveals.ts'
import { sealShares } from '../../../peers/masked/sealed-shares.ts'
import { examineSheet, receivedShares, sheetsFault } from '../../../peers/masked/sheets.ts'
import { publicKeyOf, sharedSecret } from '../../../peers/masked/x25519.ts'
import { encodeKeySheet, type KeySheet, type SheetOpening, shareFor } from '../../../protocols/masked/key-sheet.ts'
import { decodeReveal, encodeReveal, type Listing, type Reveal } from '../../../protocols/masked/reveal.ts'
import { hashOf } from '../../../protocols/plan/offer.ts'

export const PLAN = new Uint8Array(32).fill(5)

export const drawn = (length = 32): Uint8Array => new Uint8Array(randomBytes(length))

export interface Members {
  readers: SheetReader[]
  /** The secrets of a member, by its index, then by opening - 1. */
  secrets: OpeningSecrets[][]
  sheets: KeySheet[]
}

export async function members(count: number, openings = 1): Promise<Members> {
  const privateKeys = Array.from({ length: count }, () => drawn())
  const keys = privateKeys.map(publicKeyOf)
  const readers = privateKeys.map((privateKey, self) => ({ plan: PLAN, openings, self, keys, privateKey }))
  const secrets = readers.map(() => Array.from({ length: openings }, () => ({ own: drawn(), secret: drawn() })))
  const sheets = await Promise.all(readers.map((reader, self) => dealSheet(reader, secrets[self])))
  return { readers, secrets, sheets }
}

/** The encoded sheets, one of them changed. */
export function encodedSheets(sheets: readonly KeySheet[], changed?: KeySheet): Uint8Array[] {
  return sheets.map((sheet) => encodeKeySheet(sheet.member === changed?.member ? changed : sheet))
}

/** The sheet with another first opening. */
export function withOpening(sheet: KeySheet, changes: Partial<SheetOpening>): KeySheet {
  const [first, ...rest] = sheet.openings
  return { ...sheet, openings: [{ ...first, ...changes }, ...rest] }
}

/**
 * The sheet with other shares for a receiver in opening 1, sealed to it, with their hashes beside them: the receiver
 * cannot tell.
 */
export function withShares(dealer: SheetReader, sheet: KeySheet, to: number, shares: OpeningSecrets): KeySheet {
  const shared = sharedSecret(dealer.privateKey, dealer.keys[to])
  if (shared === null) throw new Error('a key of low order')
  const context = { plan: dealer.plan, salt: sheet.salt, opening: 1, from: dealer.self, to }
  const dealt = {
    sealed: sealShares(shared, context, shares),
    own: hashOf(shares.own),
    secret: hashOf(shares.secret),
  }
  const before = shareFor(sheet, 1, to)
  return withOpening(sheet, { shares: sheet.openings[0].shares.map((share) => (share === before ? dealt : share)) })
}

/** The fault of the sheets of all members, each by itself and all together; null if there is none. */
export function faultOfAll(reader: SheetReader, sheets: readonly Uint8Array[]): string | null {
  const examined = sheets.map((bytes, dealer) => examineSheet(reader, bytes, dealer))
  const sound = examined.flatMap(({ sound }) => sound ?? [])
  return examined.find(({ fault }) => fault !== null)?.fault ?? sheetsFault(reader, sound)
}

/** The part of an opening that a member has, with the shares in its sheets. */
export function partOf({ readers, secrets, sheets }: Members, self: number, opening: number): OpeningPart {
  const shares = receivedShares(readers[self], sheets)[opening - 1]
  return { self, secrets: secrets[self][opening - 1], shares }
}

/** The reveals of some members, each checked as everybody checks it. */
export function reveals(all: Members, listing: Listing, by: readonly number[]): Reveal[] {
  const { sheets } = all
  return by.map((author) => {
    const bytes = encodeReveal(makeReveal(partOf(all, author, listing.opening), listing))
    const fault = revealFault(sheets, listing, bytes, author)
    if (fault !== null) throw new Error(fault)
    return decodeReveal(bytes, sheets.length)
  })
}

/** All subsets of 0..count-1 with at least so many elements, ascending each. */
export function subsets(count: number, least: number): number[][] {
  const all = Array.from({ length: 2 ** count }, (_, bits) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => (bits >> i) & 1),
  )
  return all.filter((subset) => subset.length >= least)
}
