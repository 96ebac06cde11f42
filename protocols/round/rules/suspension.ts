/**
 * Members that are not waited for. A member that has gone would cost every round the whole wait, and every attempt that
 * it should propose a whole timeout. Nothing else changes: it votes, and the quorum stays that of the roster.
 */

import { SUSPENSION_ROUNDS } from '../messages/constants.ts'
import type { Turn } from '../turn.ts'
import { isDelivered } from './contributions.ts'

/**
 * Whether a member is suspended: neither the last certificate nor this peer has a contribution of it from the last
 * SUSPENSION_ROUNDS certified rounds or from this one. A commit alone does not end that: a member that commits and
 * never delivers would hold up every round. Certified entries stay in every later manifest until newer ones replace
 * them, so the last certificate is enough: it tells the same after a restart, and at a peer that was overtaken by
 * several rounds.
 */
export function isSuspended(turn: Turn, member: number): boolean {
  const { context, state } = turn
  const { certified, commits, last } = state
  const since = (last?.value.round ?? 0) - SUSPENSION_ROUNDS
  if (since < 0) return false
  const recent = Object.keys(commits[member] ?? {})
    .map(Number)
    .filter((round) => round > since)
  if (recent.some((round) => isDelivered(turn, member, round, context.federation.blocksOf(member, round)))) return false
  return !Object.values(certified).some((entry) => entry.member === member && entry.round > since)
}
