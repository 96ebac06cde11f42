/**
 * Members that are not waited for. A member that has gone would cost every round the whole wait, and every attempt that
 * it should propose a whole timeout. Nothing else changes: it votes, and the quorum stays that of the roster.
 */

import { SUSPENSION_ROUNDS } from '../messages/constants.ts'
import type { Turn } from '../turn.ts'

/**
 * Whether a member is suspended: neither the last certificate nor a known commit has a contribution of it from the last
 * SUSPENSION_ROUNDS certified rounds or from this one. Its next commit ends that. Certified entries stay in every later
 * manifest until newer ones replace them, so the last certificate is enough: it tells the same after a restart, and at
 * a peer that was overtaken by several rounds.
 */
export function isSuspended({ state }: Turn, member: number): boolean {
  const { certified, commits, last } = state
  const since = (last?.value.round ?? 0) - SUSPENSION_ROUNDS
  if (since < 0) return false
  if (Object.keys(commits[member] ?? {}).some((round) => Number(round) > since)) return false
  return !Object.values(certified).some((entry) => entry.member === member && entry.round > since)
}
