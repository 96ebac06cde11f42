/** The sums of a masked plan, and what its rounds decide of them, as certificates tell. */
import { blockOfSlot } from '../../../src/merge/slots.ts'
import { type Federation, placeInManifest, type Value, wasListed } from '../messages/value.ts'
import { listingOf } from './listing.ts'
import { listRound, openingOf, type Phase, phaseOf } from './phases.ts'

/** The decision of a round of a masked plan. */
export interface MaskedRound {
  phase: Exclude<Phase, 'open'>
  /** The opening whose list or reveals it has certified; null: those of keys and key sheets are of all. */
  opening: number | null
  /** Decoder blocks of the opening, ascending. */
  blocks: number[]
  /** The members whose keys or sheets are there, or who are in the list. None: the sum is not opened. */
  members: readonly number[]
}

/**
 * The decision of a round; null where the plan is open.
 * @param blocks - decoder blocks of the model
 * @param value - of this round
 */
export function maskedRound(federation: Federation, blocks: number, { entries, round }: Value): MaskedRound | null {
  const phase = phaseOf(federation, round)
  if (phase === 'open') return null
  if (phase === 'keys' || phase === 'sheets') {
    const members = entries.filter((entry) => entry.round === round).map(({ member }) => member)
    return { phase, opening: null, blocks: [], members }
  }
  const opening = openingOf(round)
  const { listed } = listingOf(federation, opening, entries)
  return { phase, opening, blocks: blocksOfOpening(federation, blocks, opening), members: listed }
}

interface ClosedOpening {
  opening: number
  /** Decoder blocks, ascending. */
  blocks: number[]
}

/**
 * The openings up to a certificate whose lists stayed empty: their sums are never opened.
 * @param blocks - decoder blocks of the model
 */
export function closedOpenings(federation: Federation, blocks: number, { entries, round }: Value): ClosedOpening[] {
  const byPlace = new Map(entries.map((entry) => [placeInManifest(entry), entry]))
  const newest = openingOf(round)
  return Array.from({ length: Math.max(0, newest) }, (_, i) => i + 1)
    .filter((opening) => !wasListed(federation, opening, newest, (place) => byPlace.get(place)))
    .map((opening) => ({ opening, blocks: blocksOfOpening(federation, blocks, opening) }))
}

/** The decoder blocks whose sums an opening gives: they are the same for all members that have any. */
function blocksOfOpening(federation: Federation, blocks: number, opening: number): number[] {
  const round = listRound(opening)
  for (let member = 0; member < federation.members; member++) {
    const slots = federation.blocksOf(member, round)
    if (slots.length > 0) return slots.map((slot) => blockOfSlot(slot, blocks)).sort((a, b) => a - b)
  }
  return []
}
