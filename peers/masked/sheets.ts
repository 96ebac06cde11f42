/**
 * The checks of key sheets by one member, before anything is masked. Every member checks the shares that were dealt to
 * it, so a dealer who cheats one receiver is found by that receiver. All else anybody can check. Reasons name dealer,
 * receiver and opening. The dealer is at fault.
 */
import { decodeKeySheet, type KeySheet, shareFor } from '../../protocols/masked/key-sheet.ts'
import { decodeMemberKey } from '../../protocols/masked/member-key.ts'
import { hashOf } from '../../protocols/plan/offer.ts'
import { equalBytes, toHex } from '../../protocols/wire/encoding.ts'
import { decoded } from './decoded.ts'
import {
  type KeySheets,
  type OpeningSecrets,
  type ReceivedShares,
  type SheetChecker,
  type SheetReader,
  sizeOf,
} from './reader.ts'
import { openShares } from './sealed-shares.ts'
import { sharedSecret } from './x25519.ts'

/**
 * The reason why bytes are not the key of a member; null if they are.
 * @param privateKey - any: a key of low order shows with every one
 */
export function memberKeyFault(bytes: Uint8Array, author: number, privateKey: Uint8Array): string | null {
  const name = `the key of member ${author}`
  const { message, fault } = decoded(() => decodeMemberKey(bytes))
  if (message === null) return `${name}: ${fault}`
  if (message.member !== author) return `${name} says that it is member ${message.member}'s`
  return sharedSecret(privateKey, message.key) === null ? `${name} is of low order` : null
}

/** A key sheet that is sound by itself. */
export interface SoundSheet {
  sheet: KeySheet
  /** The secret that the reader's own key shares with the sheet's, one an opening, hexadecimal. */
  marks: string[]
}

/** The reason why bytes are not the sheet of a member, as far as it tells by itself; or the sheet. */
export type ExaminedSheet = { fault: string; sound: null } | { fault: null; sound: SoundSheet }

export function examineSheet(reader: SheetChecker, bytes: Uint8Array, dealer: number): ExaminedSheet {
  const name = `the key sheet of member ${dealer}`
  const refused = (fault: string): ExaminedSheet => ({ fault, sound: null })
  const { message: sheet, fault } = decoded(() => decodeKeySheet(bytes, sizeOf(reader)))
  if (sheet === null) return refused(`${name}: ${fault}`)
  if (sheet.member !== dealer) return refused(`${name} says that it is member ${sheet.member}'s`)
  const marks: string[] = []
  for (const { key } of sheet.openings) {
    const secret = sharedSecret(reader.privateKey, key)
    if (secret === null) return refused(`${name}, opening ${marks.length + 1}: its key is of low order`)
    marks.push(toHex(secret))
  }
  const shares = isReceiver(reader, dealer) ? ownSharesFault(reader, sheet, name) : null
  return shares === null ? { fault: null, sound: { sheet, marks } } : refused(shares)
}

function isReceiver(reader: SheetChecker, dealer: number): reader is SheetReader {
  return reader.self !== null && reader.self !== dealer
}

/** Whether the shares for the reader can be opened, and are those whose hashes stand beside them. */
function ownSharesFault(reader: SheetReader, sheet: KeySheet, name: string): string | null {
  const shared = sharedSecret(reader.privateKey, reader.keys[sheet.member])
  if (shared === null) return `the key of member ${sheet.member} is of low order`
  for (let opening = 1; opening <= reader.openings; opening++) {
    const where = `${name}, opening ${opening}`
    const shares = sharesOf(reader, sheet, opening, shared)
    if (shares === null) return `${where}: the shares for member ${reader.self} cannot be opened`
    const hashes = shareFor(sheet, opening, reader.self)
    for (const kind of ['own', 'secret'] as const) {
      if (!equalBytes(hashOf(shares[kind]), hashes[kind]))
        return `${where}: the share of "${kind}" for member ${reader.self} has another hash`
    }
  }
  return null
}

/**
 * The shares that were dealt to the reader, by opening - 1.
 * @param sheets - checked ones of all members, in the roster's order
 * @throws {RangeError} they were not checked
 */
export function receivedShares(reader: SheetReader, sheets: KeySheets): ReceivedShares[] {
  const dealt = sheets.map((sheet) => (sheet.member === reader.self ? null : sharesIn(reader, sheet)))
  return Array.from({ length: reader.openings }, (_, index) => dealt.map((shares) => shares?.[index] ?? null))
}

/** The shares of each opening, at opening - 1. */
function sharesIn(reader: SheetReader, sheet: KeySheet): OpeningSecrets[] {
  const shared = sharedSecret(reader.privateKey, reader.keys[sheet.member])
  return sheet.openings.map((_, index) => {
    const shares = shared && sharesOf(reader, sheet, index + 1, shared)
    if (shares === null) throw new RangeError(`the sheet of member ${sheet.member} was not checked`)
    return shares
  })
}

/** The shares that a sheet has for the reader; null: they cannot be opened. @param shared - see sealShares */
function sharesOf(
  { plan, self }: SheetReader,
  sheet: KeySheet,
  opening: number,
  shared: Uint8Array,
): OpeningSecrets | null {
  const context = { plan, salt: sheet.salt, opening, from: sheet.member, to: self }
  return openShares(shared, context, shareFor(sheet, opening, self).sealed)
}

/**
 * The reason why the sheets of all members may not be used together; null if they may: no member has another one's key.
 * Such a twin of member i shares with every third member k the secret that i and k share,
 * without knowing it. Where i and the twin stand on two sides of k in the roster, k's streams with both would cancel:
 * fewer members than a quorum could see k's vector. Twins are found by the secrets that they share with a third key,
 * since one key has many forms: a point of low order can be added to it.
 * @param sheets - in the roster's order
 */
export function sheetsFault(
  { keys, openings }: Pick<SheetChecker, 'keys' | 'openings'>,
  sheets: readonly SoundSheet[],
): string | null {
  if (sheets.length !== keys.length) return `${sheets.length} key sheets of ${keys.length} members`
  const owners = Array.from({ length: openings }, () => new Map<string, number>())
  for (const [member, { marks }] of sheets.entries()) {
    for (const [index, mark] of marks.entries()) {
      const owner = owners[index].get(mark)
      if (owner !== undefined) return `opening ${index + 1}: the keys of members ${owner} and ${member} are the same`
      owners[index].set(mark, member)
    }
  }
  return null
}
