/**
 * The rounds of a plan whose sums are masked. Each round decides one thing. In the first, all members show their keys;
 * in the second, the key sheets with the secrets of all openings. Then two rounds follow for each opening: the list of
 * those whose masked vectors are added up, and the reveals, which take the streams away, so that the sum is merged.
 */

import {
  firstSlotOf,
  keySlot,
  type MaskedSlots,
  ROUNDS_OF_KEYS,
  ROUNDS_OF_OPENING,
  revealSlot,
  sheetSlot,
} from '../../../src/merge/openings.ts'
import { faultsOf } from '../../plan/offer.ts'
import type { Federation, ManifestEntry } from '../messages/value.ts'

/** The decision of a round. `open`: contributions are merged as they are. */
export type Phase = 'open' | 'keys' | 'sheets' | 'list' | 'reveal'

/** The round in which all show their key sheets. */
export const SHEET_ROUND = ROUNDS_OF_KEYS

type Masked = Pick<Federation, 'masked' | 'members' | 'blocksOf'>

export function phaseOf({ masked }: Pick<Federation, 'masked'>, round: number): Phase {
  if (masked === null) return 'open'
  if (round <= ROUNDS_OF_KEYS) return round === SHEET_ROUND ? 'sheets' : 'keys'
  return (round - ROUNDS_OF_KEYS) % ROUNDS_OF_OPENING === 1 ? 'list' : 'reveal'
}

/** The opening, from 1, of a list or a reveal. */
export function openingOf(round: number): number {
  return Math.ceil((round - ROUNDS_OF_KEYS) / ROUNDS_OF_OPENING)
}

/** The round of the list of an opening. */
export function listRound(opening: number): number {
  return ROUNDS_OF_KEYS + ROUNDS_OF_OPENING * (opening - 1) + 1
}

/** Whether only its author can offer the content of a slot: a key, a sheet, a reveal. */
export function isPersonal({ masked }: Pick<Federation, 'masked'>, slot: number): boolean {
  return masked !== null && slot >= masked.blocks
}

/** The slots of a round that are no decoder block's; null: the round is of another kind. */
export function personalSlots(masked: MaskedSlots, round: number): number[] | null {
  const phase = phaseOf({ masked }, round)
  if (phase === 'keys') return [keySlot(masked)]
  if (phase === 'sheets') return [sheetSlot(masked)]
  return phase === 'reveal' ? [revealSlot(masked, openingOf(round))] : null
}

/** The entry of a certificate for a member and slot. */
type EntryOf = (member: number, slot: number) => ManifestEntry | undefined

/** The members of an opening's list, ascending. @param entryOf - of a certificate that has the list */
export function listedOf(federation: Masked, opening: number, entryOf: EntryOf): number[] {
  const members = Array.from({ length: federation.members }, (_, member) => member)
  return members.filter((member) => isListed(federation, opening, member, entryOf))
}

/** Whether an opening's list has any members. @param entryOf - as for listedOf */
export function hasListed(federation: Masked, opening: number, entryOf: EntryOf): boolean {
  for (let member = 0; member < federation.members; member++)
    if (isListed(federation, opening, member, entryOf)) return true
  return false
}

function isListed({ blocksOf }: Masked, opening: number, member: number, entryOf: EntryOf): boolean {
  const round = listRound(opening)
  const [slot] = blocksOf(member, round)
  return slot !== undefined && entryOf(member, slot)?.round === round
}

/** The opening whose list must have members for this one's to have any: adapters go on from those before. */
export function openingBefore({ masked }: Pick<Federation, 'masked'>, round: number): number | null {
  const opening = openingOf(round)
  return masked?.turns != null && opening > 1 ? opening - 1 : null
}

/**
 * The fewest members of a list, of those who may be in it: so many that f of them cannot work out a single part by
 * subtraction, and three at least; and all but f, so that nobody can leave more out.
 */
export function leastOfList(members: number, open: number): number {
  const faults = faultsOf(members)
  return open === 0 ? 0 : Math.max(3, faults + 2, open - faults)
}

/**
 * The slots whose entries a certificate of this round no longer has: of the adapters that the round's opening replaces.
 */
export function replacedSlots(federation: Masked, round: number): (slot: number) => boolean {
  const { masked } = federation
  const opening = openingOf(round)
  if (masked?.turns == null || phaseOf(federation, round) !== 'reveal' || opening < 3) return () => false
  const { turns } = masked
  const [from, reveals] = [firstSlotOf(masked, opening - 1), revealSlot(masked, opening - 1)]
  return (slot) => slot === reveals || (slot >= from && slot < from + turns)
}
