/**
 * The two votes of an attempt (arXiv 1807.04938, algorithm 1; its "round" is an attempt here, its "height" a round).
 */

import type { Hash, Vote } from '../messages/messages.ts'
import { harmInWords, harmOf, refuseHarm } from '../proposal/harm.ts'
import { judge, leftOut } from '../proposal/judge.ts'
import { agreed, countFor, supporterOf, voters } from '../tally.ts'
import { dropDue, setDue } from '../timers.ts'
import {
  attemptRecord,
  isDishonest,
  isExcluded,
  note,
  patch,
  proposerOf,
  quorum,
  short,
  signOnce,
  type Turn,
} from '../turn.ts'
import { isUnheard } from './status.ts'
import { isSuspended } from './suspension.ts'

/** Votes, unless this peer has voted at this place before; then the next step begins. */
function castVote(turn: Turn, type: Vote['type'], value: Hash | null, reason: string): void {
  const { attempt, round } = turn.state
  dropDue(turn, type === 'prevote' ? 'propose' : 'prevote')
  patch(turn, { step: type })
  if (isExcluded(turn, turn.context.self)) return
  signOnce(turn, { type, round, attempt, value })
  note(turn, `${type} ${short(value)}${reason === '' ? '' : ` (${reason})`}`)
}

/**
 * Lines 22-33: prevotes for the proposal as soon as it is known to be good, and nil as soon as it is known to be bad.
 */
export function rulePrevote(turn: Turn): boolean {
  if (turn.state.step !== 'propose') return false
  const opinion = opinionOfProposal(turn)
  if (opinion === null || opinion.vote === 'later') return false
  if (opinion.harm !== undefined) refuseHarm(turn, proposerOf(turn, turn.state.attempt), opinion.harm)
  castVote(turn, 'prevote', opinion.vote, opinion.reason)
  return true
}

interface Opinion {
  vote: Hash | null | 'later'
  reason: string
  /** The harm for which this peer refuses the proposal. */
  harm?: number
}

/** Nobody waits for a proposer that equivocates. */
const LIAR: Opinion = { vote: null, reason: 'the proposer has equivocated' }
/** Nor for one that is suspended or not heard: if its proposal comes in time all the same, it is judged like any. */
const SUSPENDED: Opinion = { vote: null, reason: 'the proposer is suspended' }
const UNHEARD: Opinion = { vote: null, reason: 'the proposer is not heard' }

/** This peer's prevote on the attempt's proposal; null if there is no proposal. */
function opinionOfProposal(turn: Turn): Opinion | null {
  const { attempt, locked } = turn.state
  const proposal = attemptRecord(turn, attempt).proposal?.body
  if (proposal === undefined) return opinionOfSilence(turn, proposerOf(turn, attempt))
  const { value, polRound } = proposal
  if (polRound >= 0 && countFor(attemptRecord(turn, polRound).prevotes, value) < quorum(turn)) {
    return { vote: 'later', reason: `missing prevotes of attempt ${polRound}` } // line 28
  }
  const released = locked === null || locked.value === value || locked.attempt <= polRound // lines 23 and 29
  if (!released) return { vote: null, reason: `locked on ${short(locked.value)} since attempt ${locked.attempt}` }
  const verdict = judge(turn, value, proposerOf(turn, attempt))
  if (verdict.is !== 'good') return { vote: verdict.is === 'bad' ? null : 'later', reason: verdict.reason }
  const good: Opinion = { vote: value, reason: '' }
  // A quorum has prevoted it already, or this peer has: it was weighed then.
  if (polRound >= 0 || locked?.value === value) return good
  return opinionOfList(turn, value) ?? opinionOfHarm(turn, value) ?? good
}

function opinionOfList(turn: Turn, value: Hash): Opinion | null {
  const out = leftOut(turn, value)
  if (out.length === 0) return null
  return { vote: null, reason: `the list leaves out member ${out.join(', ')}, whose vectors are here` }
}

/** null: the merge does this peer no harm. */
function opinionOfHarm(turn: Turn, value: Hash): Opinion | null {
  const known = turn.state.values[value]
  const harm = typeof known === 'object' ? harmOf(turn, known.manifest) : null
  if (harm === null) return { vote: 'later', reason: 'measuring its harm' }
  if (harm <= turn.context.federation.harmLimit) return null
  return { vote: null, reason: harmInWords(harm), harm }
}

function opinionOfSilence(turn: Turn, proposer: number): Opinion | null {
  if (isDishonest(turn, proposer)) return LIAR
  if (isSuspended(turn, proposer)) return SUSPENDED
  return isUnheard(turn, proposer) ? UNHEARD : null
}

/** Lines 57-60: there was no proposal that could be judged in time. */
export function onProposeTimeout(turn: Turn): void {
  if (turn.state.step !== 'propose') return
  castVote(turn, 'prevote', null, opinionOfProposal(turn)?.reason ?? 'no proposal')
}

/** Lines 36-43: locks a value that a quorum has prevoted, if this peer finds it good too. */
export function ruleLock(turn: Turn): boolean {
  const { attempt, step, valid } = turn.state
  if (step !== 'prevote' && step !== 'precommit') return false
  const value = agreed(attemptRecord(turn, attempt).prevotes, quorum(turn))
  if (value == null || valid?.attempt === attempt) return false
  if (judge(turn, value, supporterOf(attemptRecord(turn, attempt).prevotes, value)).is !== 'good') return false
  patch(turn, { valid: { value, attempt } })
  if (step === 'prevote') {
    patch(turn, { locked: { value, attempt } })
    castVote(turn, 'precommit', value, '')
  }
  return true
}

/**
 * Lines 34-35 and 44-46: a quorum has prevoted. If it prevoted nil, the attempt has failed; otherwise a timer runs for
 * the missing prevotes.
 */
export function rulePrevoted(turn: Turn): boolean {
  const { attempt, due, step } = turn.state
  if (step !== 'prevote') return false
  const { prevotes } = attemptRecord(turn, attempt)
  if (agreed(prevotes, quorum(turn)) === null) {
    castVote(turn, 'precommit', null, 'a quorum prevoted nil')
    return true
  }
  if (voters(prevotes) < quorum(turn) || due.includes('prevote')) return false
  setDue(turn, 'prevote')
  return true
}

/** Lines 61-64. */
export function onPrevoteTimeout(turn: Turn): void {
  if (turn.state.step === 'prevote') castVote(turn, 'precommit', null, 'no quorum of prevotes for one value')
}
