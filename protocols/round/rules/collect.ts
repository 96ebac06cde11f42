/**
 * Before the first attempt: contributions come in. Nothing is limited in time until a quorum has committed; then
 * the rest have a wait. A peer leaves this step when it could propose, whether or not it is the proposer: that is
 * when its own patience with the proposer begins. It merges what it would propose at once, since the proposer most
 * likely holds the same: all merge at the same time, and not one after the other.
 */

import { STALL_TICKS } from '../messages/constants.ts'
import { waitMs, waitTimerId } from '../timers.ts'
import { attemptRecord, emit, note, patch, quorum, type Turn } from '../turn.ts'
import { startAttempt } from './attempt.ts'
import { committedMembers } from './commit.ts'
import { freshMembers, isResolved, makeCandidate, mergeOf } from './manifest.ts'

/** A quorum has committed: the wait for the rest begins. */
export function ruleQuorumCommitted(turn: Turn): boolean {
  const { step, wait } = turn.state
  if (step !== 'collect' || wait !== 'none' || committedMembers(turn).length < quorum(turn)) return false
  patch(turn, { wait: 'running' })
  emit(turn, { type: 'setTimer', id: waitTimerId(turn), ms: waitMs(turn) })
  return true
}

/** All is here, or the wait is over and a quorum's is. */
export function ruleReady(turn: Turn): boolean {
  if (turn.state.step !== 'collect' || freshMembers(turn).length < quorum(turn)) return false
  if (turn.state.wait !== 'over' && !turn.roster.every((member) => isResolved(turn, member))) return false
  const candidate = makeCandidate(turn)
  if (candidate === null) return false
  patch(turn, { candidate })
  mergeOf(turn, candidate.manifest, candidate.entries, turn.state.last?.manifest ?? null)
  startAttempt(turn, 0)
  return true
}

/** Somebody else is ready already. */
export function ruleProposalSeen(turn: Turn): boolean {
  if (turn.state.step !== 'collect' || attemptRecord(turn, 0).proposal === null) return false
  startAttempt(turn, 0)
  return true
}

/** A quorum has committed, but what it committed to cannot be had: attempts begin, so that this can fail. */
export function ruleStalled(turn: Turn): boolean {
  if (turn.state.step !== 'collect' || turn.state.stalledTicks < STALL_TICKS) return false
  note(turn, 'contributions of a quorum are committed, but do not come')
  startAttempt(turn, 0)
  return true
}

export function onWaitOver(turn: Turn, id: string): void {
  if (turn.state.step === 'collect' && id === waitTimerId(turn)) patch(turn, { wait: 'over' })
}
