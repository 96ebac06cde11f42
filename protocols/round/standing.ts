/** Where a round stands, for people: who has sent what it collects, and who is waited for. No rule depends on it. */
import type { Step } from './messages/messages.ts'
import { neededMembers } from './rules/collect.ts'
import { committedMembers } from './rules/commit.ts'
import { slotsOf } from './rules/contributions.ts'
import { isSuspended } from './rules/suspension.ts'
import { beginTurn, isExcluded } from './turn.ts'
import type { Context, RoundState } from './types.ts'

export interface Standing {
  /** The round that is held; while the last certificate is served, the last one. */
  round: number
  attempt: number
  step: Step
  /** Members that have announced their part of this round, as indices in the roster, ascending. */
  sent: number[]
  /** Members that have not, and are waited for. */
  awaited: number[]
  /** The number of members that must have sent before the wait for the others has an end. */
  needed: number
  /** Whether so many have sent: the wait for the others has begun to run out. */
  isRunningOut: boolean
  /** Whether this peer still makes its own part. */
  isWorking: boolean
}

export function standingOf(context: Context, state: RoundState): Standing {
  const turn = beginTurn(context, state)
  const { attempt, pruning, round, step, wait } = state
  const sent = step === 'serve' ? [] : committedMembers(turn)
  const isAwaited = (member: number) =>
    !sent.includes(member) &&
    !isExcluded(turn, member) &&
    !isSuspended(turn, member) &&
    slotsOf(turn, member).length > 0
  return {
    round,
    attempt,
    step,
    sent,
    awaited: step === 'collect' && wait !== 'over' ? turn.roster.filter(isAwaited) : [],
    needed: round === 0 ? 0 : neededMembers(turn),
    isRunningOut: wait === 'running',
    isWorking: pruning !== null,
  }
}
