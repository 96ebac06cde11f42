/** The manifest that this peer would propose: the newest valid contribution of every member for every block. */

import { type ManifestEntry, manifestKey, placeInManifest, replacedBy } from '../messages/value.ts'
import {
  certifiedAt,
  contributionStatus,
  isDelivered,
  isNewer,
  listsOf,
  neededContributors,
  slotsOf,
} from '../rules/contributions.ts'
import { emit, isDishonest, patch, phase, type Turn } from '../turn.ts'
import type { Candidate } from '../types.ts'

/** Members with at least one valid contribution of the current round; in a list, with all of them. */
export function freshMembers(turn: Turn): number[] {
  const { round } = turn.state
  const inList = phase(turn) === 'list'
  return turn.roster.filter((member) => {
    if (isDishonest(turn, member)) return false
    const slots = slotsOf(turn, member)
    return inList
      ? slots.length > 0 && slots.every((slot) => isDelivered(turn, member, round, [slot]))
      : isDelivered(turn, member, round, slots)
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
        const status = contributionStatus(turn, { member, block, root })
        return status === 'valid' || status === 'invalid'
      })
    })
  )
}

/**
 * The candidate; null if too few members have valid contributions of this round. A list then is empty: what its opening
 * would have summed stays closed.
 */
export function makeCandidate(turn: Turn): Candidate | null {
  const fresh = freshMembers(turn)
  const isEnough = fresh.length >= neededContributors(turn)
  const inList = phase(turn) === 'list'
  if (!isEnough && !inList) return null
  const entries: ManifestEntry[] = []
  const { federation } = turn.context
  const isReplaced = replacedBy(federation, turn.state.round, certifiedAt(turn))
  for (const member of turn.roster) {
    // A block that was pruned with a contribution stays so, whoever made it.
    if (isDishonest(turn, member) && !federation.once) continue
    const offers = inList ? isEnough && fresh.includes(member) : !isDishonest(turn, member)
    const newest = offers ? newestOf(turn, member) : new Map<number, ManifestEntry>()
    for (let block = 0; block < federation.blocks; block++) {
      const certified = isReplaced(block) ? undefined : turn.state.certified[placeInManifest({ member, block })]
      const entry = newest.get(block) ?? certified
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
        if (!isNewer(turn, member, block, round) || contributionStatus(turn, { member, block, root }) !== 'valid')
          continue
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
