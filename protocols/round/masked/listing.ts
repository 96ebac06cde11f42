/** The lists of a masked plan's openings, as the entries of a certificate tell them. */
import type { Listing } from '../../masked/reveal.ts'
import { type Federation, type ManifestEntry, placeInManifest } from '../messages/value.ts'
import { listedOf, listRound } from './phases.ts'

/** Where second moments are pooled, each second opening is of products: among those whose mean squares were opened. */
export function listingOf(federation: Federation, opening: number, entries: readonly ManifestEntry[]): Listing {
  const listed = listedAt(federation, opening, entries)
  if (federation.pairs !== null && opening % 2 === 0) {
    return { opening, scheduled: listedAt(federation, opening - 1, entries), listed }
  }
  const members = Array.from({ length: federation.members }, (_, member) => member)
  const scheduled = members.filter((member) => federation.blocksOf(member, listRound(opening)).length > 0)
  return { opening, scheduled, listed }
}

function listedAt(federation: Federation, opening: number, entries: readonly ManifestEntry[]): number[] {
  const byPlace = new Map(entries.map((entry) => [placeInManifest(entry), entry]))
  return listedOf(federation, opening, (member, block) => byPlace.get(placeInManifest({ member, block })))
}
