/** The manifest that this peer would propose: the newest valid contribution of every member for every block. */

import { type ManifestEntry, manifestKey, placeInManifest } from '../messages/value.ts'
import {
  contributionStatus,
  isDelivered,
  isNewer,
  listsOf,
  neededContributors,
  slotsOf,
} from '../rules/contributions.ts'
import { emit, isDishonest, patch, type Turn } from '../turn.ts'
import type { Candidate } from '../types.ts'

/** Members with at least one valid contribution of the current round. */
function freshMembers(turn: Turn): number[] {
  const { round } = turn.state
  return turn.roster.filter((member) => {
    return !isDishonest(turn, member) && isDelivered(turn, member, round, slotsOf(turn, member))
  })
}

/**
 * Whether nothing more needs to be waited for from a member in this round: each of its contributions is valid or
 * refused.
 */
export function isResolved(turn: Turn, member: number): boolean {
  if (isDishonest(turn, member) || slotsOf(turn, member).length === 0) return true
  const lists = listsOf(turn, member, turn.state.round)
  return (
    lists.length > 0 &&
    lists.every((list) => {
      if (typeof list === 'string') return list === 'bad'
      return list.every(({ block, root }) => {
        const status = contributionStatus(turn, block, root)
        return status === 'valid' || status === 'invalid'
      })
    })
  )
}

/** The candidate; null if too few members have valid contributions of this round. */
export function makeCandidate(turn: Turn): Candidate | null {
  if (freshMembers(turn).length < neededContributors(turn)) return null
  const entries: ManifestEntry[] = []
  const { blocks, once } = turn.context.federation
  for (const member of turn.roster) {
    // A block that was pruned with a contribution stays so, whoever made it.
    if (isDishonest(turn, member) && !once) continue
    const newest = isDishonest(turn, member) ? new Map<number, ManifestEntry>() : newestOf(turn, member)
    for (let block = 0; block < blocks; block++) {
      const entry = newest.get(block) ?? turn.state.certified[placeInManifest({ member, block })]
      if (entry !== undefined) entries.push(entry)
    }
  }
  const excluded = turn.roster.filter((member) => isDishonest(turn, member))
  return { manifest: manifestKey(turn.state.last?.id ?? null, entries), entries, excluded }
}

/** A member's newest valid contributions that no certificate has yet, by block. */
export function newestOf(turn: Turn, member: number): Map<number, ManifestEntry> {
  const newest = new Map<number, ManifestEntry>()
  const slots = slotsOf(turn, member)
  const rounds = Object.keys(turn.state.commits[member] ?? {}).map(Number)
  for (const round of rounds.filter((round) => round <= turn.state.round).sort((a, b) => a - b)) {
    for (const list of listsOf(turn, member, round)) {
      if (typeof list === 'string') continue
      for (const { block, root } of list) {
        if (!isNewer(turn, member, block, round) || contributionStatus(turn, block, root) !== 'valid') continue
        if (round === turn.state.round && !slots.includes(block)) continue
        newest.set(block, { member, block, round, root })
      }
    }
  }
  return newest
}

/** Asks for a merge once. Returns its result, or null while it runs. */
export function mergeOf(turn: Turn, manifest: string, entries: readonly ManifestEntry[], previous: string | null) {
  const merge = turn.state.merges[manifest]
  if (merge === undefined) {
    patch(turn, { merges: { ...turn.state.merges, [manifest]: 'running' } })
    emit(turn, { type: 'merge', manifest, round: turn.state.round, entries, previous })
  }
  return merge === undefined || merge === 'running' ? null : merge
}
