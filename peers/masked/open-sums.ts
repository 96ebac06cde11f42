/**
 * Opens the sums of a manifest: finds the streams that each still holds, by the reveals. Whoever has the blobs can do
 * it; no secret of a member is needed.
 */

import { decodeKeySheet } from '../../protocols/masked/key-sheet.ts'
import { decodeReveal, type Listing } from '../../protocols/masked/reveal.ts'
import { listingOf } from '../../protocols/round/masked/listing.ts'
import { listRound } from '../../protocols/round/masked/phases.ts'
import type { Hash } from '../../protocols/round/messages/messages.ts'
import { bytesOf } from '../../protocols/round/messages/messages.ts'
import type { Federation, ManifestEntry } from '../../protocols/round/messages/value.ts'
import type { MaskedOpening, MaskedOpenings } from '../../src/jobs/federation/masked-opening.ts'
import type { StreamKey } from '../../src/merge/masked/streams.ts'
import { revealSlot, sheetSlot } from '../../src/merge/openings.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import type { KeySheets } from './reader.ts'
import { seedsOf } from './seeds.ts'
import { openingKeys } from './streams.ts'

/** The blobs of a manifest. */
export interface HeldBlobs {
  read(root: Hash): Promise<Uint8Array>
  path(root: Hash): string
}

/** A block's sums. The key is the same for the same sums. */
export interface OpenedBlock {
  key: string
  masked: MaskedOpenings
}

interface Opening {
  federation: Federation
  /** Openings of the plan. */
  openings: number
  /** Decoder blocks of the model. */
  blocks: number
  entries: readonly ManifestEntry[]
  blobs: HeldBlobs
  /** This site's plain contribution to a slot; null: it has none there. */
  own(slot: number): string | null
  /** The key sheets of all members, once they are checked. */
  sheets(): Promise<KeySheets>
  /** The streams of sums that were opened before, which need not be found again. */
  known: Map<string, StreamKey[]>
}

/**
 * The blocks whose sums can be opened, by their number.
 * @throws {DealerCheatedError} a secret cannot be put together from its shares
 */
export async function openSums(opening: Opening): Promise<Map<number, OpenedBlock>> {
  const { blocks, entries, federation, openings } = opening
  const opened = new Map<number, OpenedBlock>()
  for (let number = 1; number <= openings; number++) {
    const listing = listingOf(federation, number, entries)
    const reveals = revealsOf(federation, number, entries)
    if (listing.listed.length === 0 || reveals.length === 0) continue
    const streams = await streamsOf(opening, listing, reveals)
    const vectors = entries.filter(({ block, round }) => round === listRound(number) && block < slotsEnd(federation))
    for (const [slot, own] of Map.groupBy(vectors, ({ block }) => block)) {
      const part = { slot, streams, paths: own.map(({ root }) => opening.blobs.path(root)), own: opening.own(slot) }
      add(opened, blockOfSlot(slot, blocks), slot, part, own)
    }
  }
  return opened
}

/** The streams that a sum still holds: whichever reveals of a quorum tell them, they are the same. */
async function streamsOf(opening: Opening, listing: Listing, reveals: readonly ManifestEntry[]): Promise<StreamKey[]> {
  const { blobs, federation, known } = opening
  const key = `${listing.opening}: ${listing.listed}`
  const before = known.get(key)
  if (before !== undefined) return before
  const sheets = await opening.sheets()
  const read = reveals.map(async ({ root }) => decodeReveal(await blobs.read(root), federation.members))
  const seeds = await seedsOf(await Promise.all(read), sheets, listing)
  const streams = openingKeys(bytesOf(federation.id), sheets, listing, seeds)
  known.set(key, streams)
  return streams
}

/** A later opening of a block is its second part. */
function add(
  opened: Map<number, OpenedBlock>,
  block: number,
  slot: number,
  part: MaskedOpening,
  entries: readonly ManifestEntry[],
): void {
  const first = opened.get(block)
  const key = entries
    .map(({ root }) => root)
    .sort()
    .join()
  if (slot === block) opened.set(block, { key, masked: { first: part, second: null } })
  else if (first !== undefined) {
    opened.set(block, { key: `${first.key};${key}`, masked: { first: first.masked.first, second: part } })
  }
}

function revealsOf({ masked }: Federation, opening: number, entries: readonly ManifestEntry[]): ManifestEntry[] {
  if (masked === null) return []
  const slot = revealSlot(masked, opening)
  return entries.filter(({ block, round }) => block === slot && round === listRound(opening) + 1)
}

function slotsEnd({ masked }: Federation): number {
  return masked?.blocks ?? 0
}

/** The sheets in a manifest, in the roster's order. */
export async function sheetsOf({
  blobs,
  entries,
  federation,
  openings,
}: Omit<Opening, 'blocks' | 'own' | 'sheets' | 'known'>): Promise<KeySheets> {
  const { masked, members } = federation
  const slot = masked === null ? -1 : sheetSlot(masked)
  const own = entries.filter(({ block }) => block === slot)
  return Promise.all(own.map(async ({ root }) => decodeKeySheet(await blobs.read(root), { members, openings })))
}
