/**
 * Members that are not waited for. A member that has gone would cost every round the whole wait, and every attempt that
 * it should propose a whole timeout. Nothing else changes: it votes, and the quorum stays that of the roster.
 */

import { openingOf, phaseOf } from '../masked/phases.ts'
import { SUSPENSION_ROUNDS } from '../messages/constants.ts'
import { wasListed } from '../messages/value.ts'
import type { Turn } from '../turn.ts'
import { certifiedAt, isDelivered } from './contributions.ts'

/**
 * Whether a member is suspended: neither the last certificate nor this peer has a contribution of it from the last
 * SUSPENSION_ROUNDS certified rounds to which it could contribute, or from a later one. A commit alone does not end
 * that: a member that commits and never delivers would hold up every round. Certified entries stay in every later
 * manifest until newer ones replace them, so the last certificate is enough: it tells the same after a restart, and at
 * a peer that was overtaken by several rounds.
 */
export function isSuspended(turn: Turn, member: number): boolean {
  const { context, state } = turn
  const { certified, commits } = state
  const since = missedSince(turn, member)
  if (since === null) return false
  const recent = Object.keys(commits[member] ?? {})
    .map(Number)
    .filter((round) => round > since)
  if (recent.some((round) => isDelivered(turn, member, round, context.federation.blocksOf(member, round)))) return false
  return !Object.values(certified).some((entry) => entry.member === member && entry.round > since)
}

/** The round before the last SUSPENSION_ROUNDS certified ones that were a member's; null: there were fewer. */
function missedSince(turn: Turn, member: number): number | null {
  let missed = 0
  for (let round = turn.state.last?.value.round ?? 0; round > 0; round--) {
    if (isOfMember(turn, member, round) && ++missed === SUSPENSION_ROUNDS) return round - 1
  }
  return null
}

/** Whether a member had something to contribute to a certified round. Nobody has to a list that stayed empty. */
function isOfMember(turn: Turn, member: number, round: number): boolean {
  const { federation } = turn.context
  if (federation.blocksOf(member, round).length === 0) return false
  const phase = phaseOf(federation, round)
  if (phase !== 'list' && phase !== 'reveal') return true
  const newest = openingOf(turn.state.last?.value.round ?? 0)
  return wasListed(federation, openingOf(round), newest, certifiedAt(turn))
}
