/**
 * The computations of the peers of a test: contributions and merges are hashes of their names, so that any two peers
 * who do the same get the same, and nobody needs a model.
 */
import { createHash } from 'node:crypto'
import { openingOf, personalSlots } from '../../../protocols/round/masked/phases.ts'
import type { Body, Envelope, Hash } from '../../../protocols/round/messages/messages.ts'
import {
  type CommitList,
  encodeCommitList,
  type Federation,
  type ManifestEntry,
} from '../../../protocols/round/messages/value.ts'
import type { Context } from '../../../protocols/round/types.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId } from '../../../protocols/wire/hash.ts'
import type { Method } from '../../../src/form/method.ts'
import {
  keySlot,
  maskedRounds,
  maskedSlots,
  maskedSlotsOf,
  revealSlot,
  sheetSlot,
  slotsOfOpening,
} from '../../../src/merge/openings.ts'
import { pooledRounds, slotsOfGroups } from '../../../src/merge/pooled/groups.ts'

export const MASK_BITS_A_BLOCK = 1000

export function hashName(...parts: Array<string | number>): Hash {
  return createHash('sha256').update(parts.join('/')).digest('hex')
}

export interface WorldOptions {
  members: number
  blocks: number
  rounds: number
  untilChange?: number | null
  roundTimeoutMs?: number | null
  /** Blocks a member prunes a round; default: all. */
  share?: number
  /**
   * Blocks are offered once, in two parts: member m takes part in each group but those of this list. `rounds` is the
   * number of groups then.
   */
  pooled?: { without?: (member: number) => number[] }
  /** Sums are masked: of mean squares, of second moments, or of importances and adapters. `rounds` as in an offer. */
  masked?: { method: 'wanda' | 'sparsegpt' | 'llm-pruner'; without?: (member: number) => number[] }
}

/**
 * Arcs as in layer sampling, without the shuffle: member m begins at block m * share, and moves on by share a round.
 */
export function makeFederation(options: WorldOptions): Federation {
  if (options.masked !== undefined) return maskedFederation(options, options.masked)
  return options.pooled === undefined ? votingFederation(options) : poolingFederation(options, options.pooled)
}

function poolingFederation(
  { members, blocks, rounds: groups, roundTimeoutMs = null }: WorldOptions,
  { without = () => [] }: NonNullable<WorldOptions['pooled']>,
): Federation {
  const method = { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } } as const
  const plan = { method, merge: 'pooled', rounds: groups } as const
  return {
    ...{ id: hashName('plan'), members, blocks: 2 * blocks, rounds: pooledRounds(plan), untilChange: null },
    ...{ roundTimeoutMs, harmLimit: 1.5, once: true, pairs: blocks, masked: null },
    blocksOf(member, round) {
      const own = Array.from({ length: groups }, (_, g) => g + 1).filter((group) => !without(member).includes(group))
      return slotsOfGroups(plan, blocks, round, own)
    },
  }
}

function maskedFederation(
  { members, blocks, rounds, roundTimeoutMs = null }: WorldOptions,
  { method: pruner, without = () => [] }: NonNullable<WorldOptions['masked']>,
): Federation {
  const method: Method =
    pruner === 'llm-pruner'
      ? { pruner, target: { kind: 'structured', ppm: 250_000, from: 0, to: blocks, steps: 1 } }
      : { pruner, target: { kind: 'unstructured', ppm: 500_000 } }
  const plan = { method, merge: pruner === 'llm-pruner' ? 'l0' : 'pooled', rounds } as const
  const masked = maskedSlotsOf(plan, blocks)
  const groups = Array.from({ length: rounds }, (_, g) => g + 1)
  return {
    ...{ id: hashName('plan'), members, blocks: maskedSlots(plan, blocks), rounds: maskedRounds(plan) },
    ...{ untilChange: null, roundTimeoutMs, harmLimit: 1.5, once: true, masked },
    pairs: pruner === 'sparsegpt' ? blocks : null,
    blocksOf(member, round) {
      const own = groups.filter((group) => !without(member).includes(group))
      return personalSlots(masked, round) ?? slotsOfOpening(plan, blocks, openingOf(round), own)
    },
  }
}

/** The entries whose sums are opened; of an open plan all. */
function openedEntries(federation: Federation, entries: readonly ManifestEntry[]): readonly ManifestEntry[] {
  const { masked } = federation
  if (masked === null) return entries
  const revealed = new Set(entries.map(({ block, round }) => `${block}/${round}`))
  return entries.filter(({ block, round }) => {
    return block < masked.blocks && revealed.has(`${revealSlot(masked, openingOf(round))}/${round + 1}`)
  })
}

/** Why nobody can tell whether a sheet or a reveal is its author's by these entries; null: one can. */
export function uncheckable(
  { masked, members }: Federation,
  slot: number,
  entries: readonly ManifestEntry[],
): string | null {
  if (masked === null || slot <= keySlot(masked)) return null
  const count = (of: number) => entries.filter(({ block }) => block === of).length
  if (slot === sheetSlot(masked)) return count(keySlot(masked)) === members ? null : 'a sheet without the keys'
  if (count(sheetSlot(masked)) < members) return 'a reveal without the sheets'
  const rounds = new Set(entries.filter(({ block }) => block < masked.blocks).map(({ round }) => round))
  return [...rounds].some((round) => revealSlot(masked, openingOf(round)) === slot) ? null : 'a reveal of no list'
}

function votingFederation(options: WorldOptions): Federation {
  const { members, blocks, rounds, untilChange = null, roundTimeoutMs = null, share = blocks } = options
  const arcs = new Map<string, number[]>()
  const blocksOf = (member: number, round: number): number[] => {
    const known = arcs.get(`${member}/${round}`)
    if (known !== undefined) return known
    const from = (member + round - 1) * share
    const arc = Array.from({ length: share }, (_, i) => (from + i) % blocks).sort((a, b) => a - b)
    arcs.set(`${member}/${round}`, arc)
    return arc
  }
  const plan = { id: hashName('plan'), members, blocks, rounds, untilChange, roundTimeoutMs, harmLimit: 1.5 }
  return { ...plan, once: false, pairs: null, masked: null, blocksOf }
}

export function makeContext(federation: Federation, self: number): Context {
  return { federation, self, maxContributionBytes: () => 1000 }
}

/** A member's contributions of a round. @param variant - another gives other contributions */
export function commitList(federation: Federation, member: number, round: number, variant = ''): CommitList {
  return federation.blocksOf(member, round).map((block) => {
    return { block, root: hashName('contribution', member, block, round, variant), bytes: 100 }
  })
}

export function listRoot(list: CommitList): Hash {
  return toHex(blobId(encodeCommitList(list)))
}

/** The merged root is a function of the entries alone; a block has moved if its entries are not those of before. */
export function mergeOf(
  federation: Federation,
  all: readonly ManifestEntry[],
  earlier: readonly ManifestEntry[] | null,
) {
  const { blocks } = federation
  const entries = openedEntries(federation, all)
  const before = openedEntries(federation, earlier ?? [])
  const ofBlock = (list: readonly ManifestEntry[], block: number): string => {
    return list
      .filter((entry) => entry.block === block)
      .map(({ member, root }) => `${member}:${root}`)
      .join()
  }
  let moved = 0
  for (let block = 0; block < blocks; block++) {
    if (ofBlock(entries, block) !== ofBlock(before, block)) moved += MASK_BITS_A_BLOCK / 10
  }
  const root = hashName('merge', ...Array.from({ length: blocks }, (_, block) => ofBlock(entries, block)))
  return { root, moved, bits: blocks * MASK_BITS_A_BLOCK, doubt: null }
}

/** The machine takes envelopes that were checked, so in these tests nobody signs. */
export function unsigned(federation: Federation, from: number, body: Body): Envelope {
  return { plan: federation.id, from, body, signature: new Uint8Array(64) }
}

/** A seeded random number in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
