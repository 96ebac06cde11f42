/**
 * The step before the first attempt: contributions arrive. It has no time limit until a quorum has committed; then the
 * others have a wait. A peer leaves this step when it could propose, whether or not it is the proposer, and then begins
 * to wait for the proposer. It merges its own candidate at once, since the proposer most likely holds the same
 * contributions: all peers then merge at the same time, and not one after the other.
 */

import { STALL_TICKS } from '../messages/constants.ts'
import { freshMembers, isResolved, makeCandidate, mergeOf } from '../proposal/manifest.ts'
import { waitMs, waitTimerId } from '../timers.ts'
import { attemptRecord, emit, note, oneHonest, patch, phase, type Turn } from '../turn.ts'
import { startAttempt } from './attempt.ts'
import { committedMembers } from './commit.ts'
import { neededContributors, slotsOf } from './contributions.ts'
import { isSuspended } from './suspension.ts'

/**
 * Enough members have committed: the wait for the other members begins. In a list all but the faulty ones are enough,
 * if only for an empty one.
 */
export function ruleQuorumCommitted(turn: Turn): boolean {
  const { step, wait } = turn.state
  if (step !== 'collect' || wait !== 'none' || committedMembers(turn).length < neededMembers(turn)) return false
  patch(turn, { wait: 'running' })
  emit(turn, { type: 'setTimer', id: waitTimerId(turn), ms: waitMs(turn) })
  return true
}

/** The number of members that must have committed before the wait for the others begins. */
export function neededMembers(turn: Turn): number {
  const needed = neededContributors(turn)
  if (phase(turn) !== 'list') return needed
  const open = turn.roster.filter((member) => slotsOf(turn, member).length > 0).length
  return Math.min(needed, Math.max(1, open - oneHonest(turn) + 1))
}

/**
 * Every member's contributions are resolved, those of suspended members apart, or the wait is over, and enough are
 * valid: the first attempt begins.
 */
export function ruleReady(turn: Turn): boolean {
  if (turn.state.step !== 'collect') return false
  const isAwaited = (member: number) => !isResolved(turn, member) && !isSuspended(turn, member)
  // Any quorum of reveals opens the same sum.
  if (turn.state.wait !== 'over' && phase(turn) !== 'reveal' && turn.roster.some(isAwaited)) return false
  const candidate = makeCandidate(turn)
  if (candidate === null || isListComing(turn)) return false
  patch(turn, { candidate })
  mergeOf(turn, candidate.manifest, candidate.entries, turn.state.last?.manifest ?? null)
  startAttempt(turn, 0)
  return true
}

/**
 * Another member has proposed already: the first attempt begins. Not so in a list: whether it leaves somebody out, or
 * is rightly empty, this peer knows only when its own wait is over.
 */
export function ruleProposalSeen(turn: Turn): boolean {
  if (turn.state.step !== 'collect' || phase(turn) === 'list' || attemptRecord(turn, 0).proposal === null) return false
  startAttempt(turn, 0)
  return true
}

/**
 * Whether too few vectors of a list are here, and as many as it needs are committed and on their way. An empty list
 * leaves its blocks as they are for good, so slow links alone must not make one: as long as something arrives, a peer
 * goes on collecting, and otherwise for STALL_TICKS.
 */
function isListComing(turn: Turn): boolean {
  if (phase(turn) !== 'list') return false
  const fresh = freshMembers(turn)
  const coming = committedMembers(turn).filter((member) => !isResolved(turn, member) && !fresh.includes(member))
  const needed = neededContributors(turn)
  return fresh.length < needed && fresh.length + coming.length >= needed
}

/** A quorum has committed, but its contributions cannot be fetched. Attempts begin, so that the round can fail. */
export function ruleStalled(turn: Turn): boolean {
  if (turn.state.step !== 'collect' || turn.state.stalledTicks < STALL_TICKS) return false
  note(turn, 'contributions of a quorum are committed, but do not come')
  startAttempt(turn, 0)
  return true
}

export function onWaitOver(turn: Turn, id: string): void {
  if (turn.state.step === 'collect' && id === waitTimerId(turn)) patch(turn, { wait: 'over' })
}
