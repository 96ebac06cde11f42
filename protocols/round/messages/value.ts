/**
 * The value with which a round ends. A value names the contributions that are merged (the manifest) and the result of
 * the merge; its hash is the certificate's id. Everything in it follows from the manifest and the certificates before
 * it, so all honest members who merge one manifest write the same bytes.
 */
import { z } from 'zod'
import type { MaskedSlots } from '../../../src/merge/openings.ts'
import { faultsOf, hashOf, MAX_BLOCKS, MAX_MEMBERS, MAX_ROUNDS } from '../../plan/offer.ts'
import { decode, encode, integer, toHex } from '../../wire/encoding.ts'
import { blobId } from '../../wire/hash.ts'
import { hasListed, leastOfList, openingBefore, openingOf, phaseOf, replacedSlots } from '../masked/phases.ts'
import { MAX_COMMIT_LIST_BYTES, MAX_ENTRY_BYTES, MAX_HEAD_BYTES, MAX_VALUE_BYTES } from './constants.ts'
import { bytesOf, type Hash, hexHashSchema } from './messages.ts'

/**
 * The parts of a plan that the round needs. They are plain data except the arcs, which src/merge/sampling.ts computes.
 */
export interface Federation {
  /** The plan's id. */
  id: Hash
  /** The number of members on the roster. */
  members: number
  /** The number of decoder blocks of the model; twice that where adapters have slots of their own (merge/slots.ts). */
  blocks: number
  /** The largest number of rounds. */
  rounds: number
  /** The federation ends once fewer mask bits than this moved, in ppm; null: never. */
  untilChange: number | null
  /** The wait for stragglers; null: see waitMs. */
  roundTimeoutMs: number | null
  /** The largest harm of a merge that a member prevotes: see proposal/harm.ts. */
  harmLimit: number
  /** Whether a contribution counts in its own round alone: a block is offered once, and later ones build on it. */
  once: boolean
  /**
   * The number of decoder blocks B, where a block is offered in two parts, one after the other: slot B + b is the
   * second part of slot b. null: contributions have one part.
   */
  pairs: number | null
  /** Where sums are masked: the slots that are no block's. null: contributions are open. */
  masked: MaskedSlots | null
  /** The blocks that a member prunes in a round (1, 2, ...): its arc. */
  blocksOf(member: number, round: number): readonly number[]
}

/** One contribution in its author's commit list. */
export interface CommitEntry {
  block: number
  /** Id of the contribution's blob. */
  root: Hash
  /** The blob's length in bytes. */
  bytes: number
}

/** A member's contributions of a round, ascending by block. */
export type CommitList = CommitEntry[]

/** One contribution in a manifest. */
export interface ManifestEntry {
  member: number
  block: number
  /** The round in which it was committed. */
  round: number
  root: Hash
}

export interface Value {
  plan: Hash
  round: number
  /** Id of the certificate of the round before; null in round 1. */
  previous: Hash | null
  /** Members whose contributions no longer count because they equivocated; ascending. */
  excluded: number[]
  /** One entry for each member and block, ascending by member, then block. */
  entries: ManifestEntry[]
  /** Root of the merged layers (src/merge/masks/l0.ts). */
  merged: Hash
  /** The number of mask bits that differ from the certificate before (round 1: from a mask that keeps everything). */
  moved: number
  /** The number of mask bits of the model, blocks without contribution included. */
  bits: number
}

const block = integer(0, MAX_BLOCKS - 1)
const member = integer(0, MAX_MEMBERS - 1)
const bits = integer(0, Number.MAX_SAFE_INTEGER)

const commitListSchema = z
  .array(
    z.tuple([block, hexHashSchema, integer(1, 2 ** 40)]).transform(([block, root, bytes]) => ({ block, root, bytes })),
  )
  .min(1)
  .max(MAX_BLOCKS)
  .refine((list) => ascends(list, (a, b) => a.block - b.block), 'blocks must ascend')

const valueSchema = z
  .strictObject({
    plan: hexHashSchema,
    round: integer(1, MAX_ROUNDS),
    previous: hexHashSchema.nullable(),
    excluded: z.array(member).max(MAX_MEMBERS),
    entries: z
      .array(
        z
          .tuple([member, block, integer(1, MAX_ROUNDS), hexHashSchema])
          .transform(([member, block, round, root]) => ({ member, block, round, root })),
      )
      .max(MAX_MEMBERS * MAX_BLOCKS),
    merged: hexHashSchema,
    moved: bits,
    bits,
  })
  .refine(({ excluded }) => ascends(excluded, (a, b) => a - b), 'excluded must ascend')
  .refine(({ entries }) => ascends(entries, (a, b) => a.member - b.member || a.block - b.block), 'entries must ascend')
  .refine(({ moved, bits }) => moved <= bits, 'moved must be at most bits')

function ascends<T>(list: readonly T[], order: (a: T, b: T) => number): boolean {
  return list.every((item, i) => i === 0 || order(list[i - 1], item) < 0)
}

/** The bytes of a commit list. A commit message carries their blob id. */
export function encodeCommitList(list: CommitList): Uint8Array {
  return encode(list.map(({ block, root, bytes }) => [block, bytesOf(root), bytes]))
}

/** @throws {MalformedMessageError} the bytes are not a commit list */
export function decodeCommitList(bytes: Uint8Array): CommitList {
  return decode({ what: 'commit list', schema: commitListSchema, maxBytes: MAX_COMMIT_LIST_BYTES }, bytes)
}

/** The bytes of a value; their blob id is the value's hash and the certificate's id. */
export function encodeValue(value: Value): Uint8Array {
  return encode({
    ...value,
    plan: bytesOf(value.plan),
    previous: value.previous === null ? null : bytesOf(value.previous),
    entries: value.entries.map(wireEntry),
    merged: bytesOf(value.merged),
  })
}

/**
 * The most bytes that a value of this federation can have. Decoding takes 0.3 s for the largest of all, so whatever is
 * longer than the plan allows is refused unread.
 */
export function maxValueBytes({ members, blocks }: Pick<Federation, 'members' | 'blocks'>): number {
  return MAX_HEAD_BYTES + members * MAX_ENTRY_BYTES * (blocks + 1) // one more than blocks, for `excluded`
}

/** @throws {MalformedMessageError} the bytes are not a value */
export function decodeValue(bytes: Uint8Array): Value {
  return decode({ what: 'value', schema: valueSchema, maxBytes: MAX_VALUE_BYTES }, bytes)
}

/** The hash of a value, for which members vote. */
export function valueHash(value: Value): Hash {
  return toHex(blobId(encodeValue(value)))
}

function wireEntry({ member, block, round, root }: ManifestEntry): unknown[] {
  return [member, block, round, bytesOf(root)]
}

/**
 * The key of a merge: a hash of the entries, and of the certificate from which moved bits are counted. It is used
 * locally and never sent.
 */
export function manifestKey(previous: Hash | null, entries: readonly ManifestEntry[]): Hash {
  return toHex(hashOf(encode([previous, entries.map(wireEntry)])))
}

/** A certified value and its hash, on which the next round builds. */
export interface Certified {
  id: Hash
  value: Value
}

/**
 * The reason why a value may not follow `last`, as far as the certificates themselves tell; null if it may. Members who
 * hold the entries must check that these were committed, and that they merge to the root in the value.
 */
export function valueFault(federation: Federation, last: Certified | null, value: Value): string | null {
  if (value.plan !== federation.id) return 'another plan'
  if (value.round !== (last === null ? 1 : last.value.round + 1)) return `round ${value.round} is not the next`
  if (value.round > federation.rounds) return `round ${value.round} of ${federation.rounds}`
  if (value.previous !== (last?.id ?? null)) return 'another certificate before'
  return excludedFault(federation, last, value) ?? manifestFault(federation, last, value)
}

function excludedFault(federation: Federation, last: Certified | null, value: Value): string | null {
  if (value.excluded.some((member) => member >= federation.members)) return 'excludes a stranger'
  const back = last?.value.excluded.find((member) => !value.excluded.includes(member))
  return back === undefined ? null : `member ${back} was excluded and is back`
}

/** The entry at a place of the last certificate: see placeInManifest. */
export type EntryAt = (place: number) => ManifestEntry | undefined

/**
 * Checks arcs and rounds, that no entry is lost or older than before, and that enough members have entries of this
 * round.
 */
function manifestFault(federation: Federation, last: Certified | null, value: Value): string | null {
  const all = new Map(last?.value.entries.map((entry) => [placeInManifest(entry), entry]))
  const entryAt: EntryAt = (place) => all.get(place)
  const isReplaced = replacedBy(federation, value.round, entryAt)
  const before = new Map([...all].filter(([, { block }]) => !isReplaced(block)))
  const fresh = new Map<number, number>()
  for (const entry of value.entries) {
    const name = `entry of member ${entry.member}, block ${entry.block}`
    if (entry.member >= federation.members) return `${name}: no such member`
    if (entry.round > value.round) return `${name}: of round ${entry.round}`
    if (!federation.blocksOf(entry.member, entry.round).includes(entry.block)) return `${name}: not in its arc`
    const older = before.get(placeInManifest(entry))
    const stays = federation.once && older !== undefined
    if (value.excluded.includes(entry.member) && !stays) return `${name}: the member is excluded`
    if (federation.once && !stays && entry.round !== value.round) return `${name}: its round is over`
    if (entry.round === value.round && !openSlots(federation, entry.member, value.round, entryAt).includes(entry.block))
      return `${name}: without what comes before it`
    if (older !== undefined) {
      if (older.round > entry.round) return `${name}: older than in the certificate before`
      if (older.round === entry.round && older.root !== entry.root) return `${name}: changed within a round`
      before.delete(placeInManifest(entry))
    }
    if (entry.round === value.round) fresh.set(entry.member, (fresh.get(entry.member) ?? 0) + 1)
  }
  for (const { member, block } of before.values()) {
    if (federation.once || !value.excluded.includes(member)) return `entry of member ${member}, block ${block}: lost`
  }
  return freshFault(federation, value, fresh, entryAt)
}

/** @param fresh - the number of entries of this round, by member that has any */
function freshFault(
  federation: Federation,
  { round }: Value,
  fresh: ReadonlyMap<number, number>,
  entryAt: EntryAt,
): string | null {
  const phase = phaseOf(federation, round)
  if (phase === 'list') {
    if (fresh.size === 0) return null // too few have come: nothing is opened
    const part = [...fresh].find(([member, count]) => count < openSlots(federation, member, round, entryAt).length)
    if (part !== undefined) return `member ${part[0]} is in the list with a part of the blocks`
  }
  const needed = contributorsNeeded(federation, round, entryAt)
  return fresh.size >= needed ? null : `${fresh.size} members have entries of this round, ${needed} are needed`
}

/** The place of the first part of a contribution that is a second part; null if it is none. */
function firstPartOf({ pairs }: Pick<Federation, 'pairs'>, { member, block }: { member: number; block: number }) {
  return pairs === null || block < pairs || block >= 2 * pairs
    ? null
    : placeInManifest({ member, block: block - pairs })
}

type Slots = Pick<Federation, 'blocksOf' | 'pairs' | 'members' | 'masked'>

/** Whether the list of an opening has members. @param entryAt - of a certificate that has it */
function opens(federation: Slots, opening: number, entryAt: EntryAt): boolean {
  return hasListed(federation, opening, (member, block) => entryAt(placeInManifest({ member, block })))
}

/**
 * Whether the list of an opening had members. Adapters that were replaced had: their openings go on from each other.
 * @param newest - the opening of the certificate that has the entries
 */
export function wasListed(federation: Slots, opening: number, newest: number, entryAt: EntryAt): boolean {
  const last = federation.masked?.turns == null ? opening : newest
  for (let later = opening; later <= last; later++) if (opens(federation, later, entryAt)) return true
  return false
}

/**
 * The slots that a member may contribute to in a round: those of its arc, and of second parts only those whose first
 * part the last certificate has. Where sums are masked, reveals only of a list that has members.
 */
export function openSlots(federation: Slots, member: number, round: number, entryAt: EntryAt): readonly number[] {
  const slots = federation.blocksOf(member, round)
  const phase = phaseOf(federation, round)
  const needs = phase === 'reveal' ? openingOf(round) : phase === 'list' ? openingBefore(federation, round) : null
  if (needs !== null && !opens(federation, needs, entryAt)) return []
  if (federation.pairs === null) return slots
  return slots.filter((block) => {
    const first = firstPartOf(federation, { member, block })
    return first === null || entryAt(first) !== undefined
  })
}

/**
 * The number of members that must have contributed to a round: all that may, but for the faulty ones. Where all members
 * may, it is a quorum. Keys and key sheets are needed of all.
 */
export function contributorsNeeded(federation: Slots, round: number, entryAt: EntryAt): number {
  const { members } = federation
  const phase = phaseOf(federation, round)
  const open = Array.from({ length: members }, (_, member) => openSlots(federation, member, round, entryAt))
  const count = open.filter((slots) => slots.length > 0).length
  if (phase === 'keys' || phase === 'sheets') return members
  if (phase === 'list') return leastOfList(members, count)
  const needed = count - faultsOf(members)
  return phase === 'reveal' ? Math.max(0, needed) : Math.max(1, needed)
}

/** Whether a certificate of this round has no entries of a slot any more that the one before has. */
export function replacedBy(federation: Slots, round: number, entryAt: EntryAt): (slot: number) => boolean {
  const isReplaced = replacedSlots(federation, round)
  const isOpening = phaseOf(federation, round) === 'reveal' && opens(federation, openingOf(round), entryAt)
  return isOpening ? isReplaced : () => false
}

/** A key for one member and block. */
export function placeInManifest({ member, block }: { member: number; block: number }): number {
  return member * MAX_BLOCKS + block
}

/** Blocks to which nobody has contributed: they keep their base weights. */
export function uncoveredBlocks(federation: Pick<Federation, 'blocks'>, value: Value): number[] {
  const covered = new Set(value.entries.map(({ block }) => block))
  return Array.from({ length: federation.blocks }, (_, block) => block).filter((block) => !covered.has(block))
}

/**
 * Whether the federation ends with this value. It ends with the last round, or, from the second round on, if fewer bits
 * moved than --until-change allows and every block has a contribution. The answer is a function of the value, so all
 * members decide alike.
 */
export function isLast(federation: Pick<Federation, 'blocks' | 'rounds' | 'untilChange'>, value: Value): boolean {
  if (value.round >= federation.rounds) return true
  if (federation.untilChange === null || value.round < 2) return false
  const settled = BigInt(value.moved) * 1_000_000n < BigInt(federation.untilChange) * BigInt(value.bits)
  return settled && uncoveredBlocks(federation, value).length === 0
}
