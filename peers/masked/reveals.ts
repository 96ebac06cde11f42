/**
 * Reveals: making one, and checking another member's against the sheets. A reveal is a function of opening and list, so
 * a member that makes it again after a restart makes the same bytes.
 */
import { type SecretKind, type SheetOpening, shareFor } from '../../protocols/masked/key-sheet.ts'
import { decodeReveal, type Listing, type Reveal, revealedKind } from '../../protocols/masked/reveal.ts'
import { hashOf } from '../../protocols/plan/offer.ts'
import { equalBytes } from '../../protocols/wire/encoding.ts'
import { decoded } from './decoded.ts'
import type { KeySheets, OpeningSecrets, ReceivedShares } from './reader.ts'
import { publicKeyOf } from './x25519.ts'

/** A member's part of an opening: its own secrets, and the shares of those of others. */
export interface OpeningPart {
  /** Its index in the roster. */
  self: number
  secrets: OpeningSecrets
  shares: ReceivedShares
}

/**
 * The reveal of a member for a certified list. It holds b or p of each scheduled member, never both.
 * @throws {RangeError} the list is empty, or not a part of the scheduled members
 */
export function makeReveal({ self, secrets, shares }: OpeningPart, listing: Listing): Reveal {
  const { opening, scheduled, listed } = listing
  if (listed.length === 0) throw new RangeError(`opening ${opening} has an empty list, for which nothing is revealed`)
  const stranger = listed.find((member) => !scheduled.includes(member))
  if (stranger !== undefined) throw new RangeError(`member ${stranger} is listed in opening ${opening}, not scheduled`)
  const kind = revealedKind(listing, self)
  const revealed = othersRevealed(listing, shares.length, self).flatMap(([member, kind]) => {
    const share = shares[member]?.[kind]
    return share === undefined ? [] : [{ member, share }]
  })
  return { member: self, opening, own: kind === null ? null : secrets[kind], shares: revealed }
}

/** The other members of whom a member reveals a share, ascending, and of which secret. */
function othersRevealed(listing: Listing, members: number, self: number): [member: number, kind: SecretKind][] {
  return Array.from({ length: members }, (_, member) => member).flatMap((member): [number, SecretKind][] => {
    const kind = revealedKind(listing, member)
    return member === self || kind === null ? [] : [[member, kind]]
  })
}

/** Why bytes are not the reveal of a member for a certified list; null if they are. The author is at fault. */
export function revealFault(sheets: KeySheets, listing: Listing, bytes: Uint8Array, author: number): string | null {
  const name = `the reveal of member ${author}`
  const { message: reveal, fault } = decoded(() => decodeReveal(bytes, sheets.length))
  if (reveal === null) return `${name}: ${fault}`
  if (reveal.member !== author) return `${name} says that it is member ${reveal.member}'s`
  if (reveal.opening !== listing.opening) return `${name} is of opening ${reveal.opening}, not ${listing.opening}`
  return ownFault(sheets, listing, reveal, name) ?? sharesFault(sheets, listing, reveal, name)
}

function ownFault(sheets: KeySheets, listing: Listing, { member, own }: Reveal, name: string): string | null {
  const kind = revealedKind(listing, member)
  if (kind === null) return own === null ? null : `${name} has a secret of its own, and the member is not scheduled`
  if (own === null) return `${name} lacks the member's own "${kind}"`
  const dealt = sheets[member].openings[listing.opening - 1]
  return isSecret(dealt, kind, own) ? null : `${name}: the member's own "${kind}" is not the one of its sheet`
}

function sharesFault(sheets: KeySheets, listing: Listing, { member, shares }: Reveal, name: string): string | null {
  const asked = othersRevealed(listing, sheets.length, member)
  const dealers = shares.map((share) => share.member)
  const lacking = asked.find(([dealer]) => !dealers.includes(dealer))
  if (lacking !== undefined) return `${name} lacks a share of member ${lacking[0]}`
  const unasked = dealers.find((dealer) => !asked.some(([other]) => other === dealer))
  if (unasked !== undefined) return `${name} has a share of member ${unasked}, which is not scheduled`
  for (const [i, [dealer, kind]] of asked.entries()) {
    const hash = shareFor(sheets[dealer], listing.opening, member)[kind]
    if (!equalBytes(hashOf(shares[i].share), hash))
      return `${name}: its share of member ${dealer}'s "${kind}" is not the one that was dealt`
  }
  return null
}

/** Whether 32 bytes are the secret to which a sheet commits; a private key must also give the public one beside it. */
export function isSecret(dealt: SheetOpening, kind: SecretKind, value: Uint8Array): boolean {
  if (!equalBytes(hashOf(value), dealt[kind])) return false
  return kind === 'own' || equalBytes(publicKeyOf(value), dealt.key)
}
