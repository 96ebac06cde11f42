/**
 * The secrets that the reveals of a quorum give: b of each listed member and p of each missing one. A member's own
 * reveal has its secret; of a member without one it is put together from the shares of a quorum of others.
 */
import { combine } from 'shamir-secret-sharing'
import type { SecretKind } from '../../protocols/masked/key-sheet.ts'
import { type Listing, type Reveal, type RevealedShare, revealedKind } from '../../protocols/masked/reveal.ts'
import { quorumOf } from '../../protocols/plan/offer.ts'
import { DealerCheatedError } from './errors.ts'
import type { KeySheets } from './reader.ts'
import { isSecret } from './reveals.ts'

/** `own`: b of each listed member. `secret`: p of each scheduled member that is missing. By member, ascending. */
export type Seeds = Record<SecretKind, ReadonlyMap<number, Uint8Array>>

/**
 * The seeds of a listing, each checked against its sheet.
 * @param reveals - valid ones (see revealFault), of different members
 * @throws {RangeError} fewer reveals than a quorum; or one was not checked
 * @throws {DealerCheatedError} the shares of a dealer do not give what its sheet commits to
 */
export async function seedsOf(reveals: readonly Reveal[], sheets: KeySheets, listing: Listing): Promise<Seeds> {
  const byAuthor = new Map(reveals.map((reveal) => [reveal.member, reveal]))
  const needed = quorumOf(sheets.length)
  if (byAuthor.size < needed) throw new RangeError(`${byAuthor.size} reveals open nothing: ${needed} are needed`)
  const seeds = { own: new Map<number, Uint8Array>(), secret: new Map<number, Uint8Array>() }
  for (const { member } of sheets) {
    const kind = revealedKind(listing, member)
    if (kind === null) continue
    const own = byAuthor.get(member)?.own ?? null
    seeds[kind].set(member, await seedOf(own, { member, kind, reveals: [...byAuthor.values()], sheets, listing }))
  }
  return seeds
}

/** A secret that is looked for, and where. */
interface Search {
  member: number
  kind: SecretKind
  reveals: readonly Reveal[]
  sheets: KeySheets
  listing: Listing
}

/** @param own - the secret as its owner has revealed it; null: it has not */
async function seedOf(own: Uint8Array | null, search: Search): Promise<Uint8Array> {
  const { member, kind, sheets, listing } = search
  const dealt = sheets[member].openings[listing.opening - 1]
  if (own !== null) {
    if (!isSecret(dealt, kind, own)) throw new RangeError(`the reveal of member ${member} was not checked`)
    return own
  }
  const shares = sharesOfDealer(search)
  for (const choice of choices(shares, quorumOf(sheets.length))) {
    const value = await combined(choice)
    if (value !== null && isSecret(dealt, kind, value)) return value
  }
  throw new DealerCheatedError({ dealer: member, opening: listing.opening, kind, shares })
}

/** The revealed shares of one dealer's secret, each with the member that has revealed it; ascending. */
function sharesOfDealer({ member: dealer, reveals }: Search): RevealedShare[] {
  return reveals
    .flatMap(({ member, shares }) =>
      shares.filter((share) => share.member === dealer).map(({ share }) => ({ member, share })),
    )
    .sort((a, b) => a.member - b.member)
}

/**
 * The choices of a quorum among the shares that are tried: neighbours on a circle, the first ones first. There are at
 * most as many as shares, and for each share some leave it out. An honest dealer's first choice is right. A cheat can
 * always deal so that none is, so trying more would take no power from it.
 */
function* choices(shares: readonly RevealedShare[], needed: number): Generator<Uint8Array[]> {
  const count = shares.length === needed ? 1 : shares.length
  for (let first = 0; first < count; first++)
    yield Array.from({ length: needed }, (_, i) => shares[(first + i) % shares.length].share)
}

/** The secret that lies on the polynomials of these shares; null: two of them are at one place. */
async function combined(shares: Uint8Array[]): Promise<Uint8Array | null> {
  return combine(shares).catch(() => null)
}
