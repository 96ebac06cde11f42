/**
 * The checks of key sheets by one member, before anything is masked: every member checks the shares that were dealt to
 * it, so that a dealer who cheats one receiver is found by that receiver. Reasons name dealer, receiver and opening; the
 * dealer is at fault.
 */
import { decodeKeySheet, type KeySheet, shareFor } from '../../protocols/masked/key-sheet.ts'
import { decodeMemberKey } from '../../protocols/masked/member-key.ts'
import { hashOf } from '../../protocols/plan/offer.ts'
import { equalBytes, toHex } from '../../protocols/wire/encoding.ts'
import { decoded } from './decoded.ts'
import { type KeySheets, type OpeningSecrets, type SheetReader, sizeOf } from './reader.ts'
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

/** The reason why bytes are not the sheet of a member, as far as it tells by itself; null if they are. */
export function sheetFault(reader: SheetReader, bytes: Uint8Array, dealer: number): string | null {
  const name = `the key sheet of member ${dealer}`
  const { message: sheet, fault } = decoded(() => decodeKeySheet(bytes, sizeOf(reader)))
  if (sheet === null) return `${name}: ${fault}`
  if (sheet.member !== dealer) return `${name} says that it is member ${sheet.member}'s`
  for (const [index, { key }] of sheet.openings.entries()) {
    if (sharedSecret(reader.privateKey, key) === null) return `${name}, opening ${index + 1}: its key is of low order`
  }
  return dealer === reader.self ? null : ownSharesFault(reader, sheet, name)
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

/** The shares that a sheet has for the reader; null: they cannot be opened. @param shared - see sealShares */
export function sharesOf(
  { plan, self }: SheetReader,
  sheet: KeySheet,
  opening: number,
  shared: Uint8Array,
): OpeningSecrets | null {
  const context = { plan, salt: sheet.salt, opening, from: sheet.member, to: self }
  return openShares(shared, context, shareFor(sheet, opening, self).sealed)
}

/**
 * The reason why the sheets of all members may not be used together; null if they may: every one is sound, and no
 * member has another one's key. Such a twin of member i has the same secret with every third member k as i has, without
 * knowing it. On the other side of k in the roster it would cancel the stream between i and k, so that fewer members
 * than a quorum could see k's vector. Twins are found by those secrets, since one key has many forms: a point of low
 * order can be added to it.
 * @param sheets - in the roster's order
 */
export function sheetsFault(reader: SheetReader, sheets: readonly Uint8Array[]): string | null {
  if (sheets.length !== reader.keys.length) return `${sheets.length} key sheets of ${reader.keys.length} members`
  for (const [dealer, bytes] of sheets.entries()) {
    const fault = sheetFault(reader, bytes, dealer)
    if (fault !== null) return fault
  }
  return twinFault(
    reader,
    sheets.map((bytes) => decodeKeySheet(bytes, sizeOf(reader))),
  )
}

function twinFault({ privateKey, openings }: SheetReader, sheets: KeySheets): string | null {
  for (let opening = 1; opening <= openings; opening++) {
    const owners = new Map<string, number>()
    for (const { member, openings } of sheets) {
      const secret = sharedSecret(privateKey, openings[opening - 1].key)
      const id = toHex(secret ?? new Uint8Array())
      const owner = owners.get(id)
      if (owner !== undefined) return `opening ${opening}: the keys of members ${owner} and ${member} are the same`
      owners.set(id, member)
    }
  }
  return null
}
