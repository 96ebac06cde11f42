/**
 * An attempt to agree: a proposer, a proposal, two votes. The paper calls an attempt a round; a round here is the
 * federation's.
 */
import { MAX_ATTEMPTS } from '../messages/constants.ts'
import { isHarmedByAll } from '../proposal/harm.ts'
import { makeCandidate } from '../proposal/manifest.ts'
import { agreed, voters } from '../tally.ts'
import { dropAll, setDue, waitTimerId } from '../timers.ts'
import { emit, exit, isVoting, note, oneHonest, patch, phase, proposerOf, quorum, type Turn } from '../turn.ts'
import type { AttemptRecord } from '../types.ts'

/**
 * StartRound (arXiv 1807.04938, lines 11-21). The proposer has a timer, too: it may lack the contributions for its own
 * proposal.
 */
export function startAttempt(turn: Turn, attempt: number): void {
  if (attempt >= MAX_ATTEMPTS) {
    exit(turn, 'noAgreement', `${MAX_ATTEMPTS} attempts at round ${turn.state.round} have failed`)
    return
  }
  if (isHarmedByAll(turn)) return
  if (turn.state.wait === 'running') {
    patch(turn, { wait: 'over' })
    emit(turn, { type: 'clearTimer', id: waitTimerId(turn) })
  }
  dropAll(turn)
  // A proposer whose candidate failed makes a new one, with the contributions that have arrived since.
  const stale = attempt > 0 && proposerOf(turn, attempt) === turn.context.self
  patch(turn, { attempt, step: 'propose', candidate: stale ? null : turn.state.candidate })
  if (phase(turn) === 'list' && attempt > 0) patch(turn, { candidate: makeCandidate(turn) })
  patch(turn, { searching: false, proposerSearches: false, searchTicks: 0 })
  note(turn, `attempt ${attempt} of round ${turn.state.round}: member ${proposerOf(turn, attempt)} proposes`)
  setDue(turn, 'propose')
}

/** Lines 55-56: f + 1 members are in a later attempt, so at least one honest member is. */
export function ruleSkip(turn: Turn): boolean {
  if (!isVoting(turn.state)) return false
  const { attempts, attempt, step } = turn.state
  const mine = step === 'collect' ? -1 : attempt
  for (let later = attempts.length - 1; later > mine; later--) {
    if (membersIn(attempts[later]).size < oneHonest(turn)) continue
    startAttempt(turn, later)
    return true
  }
  return false
}

function membersIn({ proposal, prevotes, precommits }: AttemptRecord): Set<number> {
  const members = new Set<number>()
  for (const envelope of [proposal, ...prevotes, ...precommits]) {
    if (envelope !== null) members.add(envelope.from)
  }
  return members
}

/** Lines 47-48 and 65-67: a quorum has precommitted something. A timer runs for the precommits that are missing. */
export function rulePrecommitted(turn: Turn): boolean {
  const { attempts, attempt, due, step } = turn.state
  if (!isVoting(turn.state) || step === 'collect') return false
  const precommits = attempts[attempt]?.precommits ?? []
  // A quorum of nils decides the attempt: waiting for the rest could change nothing.
  if (agreed(precommits, quorum(turn)) === null) startAttempt(turn, attempt + 1)
  else if (voters(precommits) < quorum(turn) || due.includes('precommit')) return false
  else setDue(turn, 'precommit')
  return true
}

export function onPrecommitTimeout(turn: Turn): void {
  startAttempt(turn, turn.state.attempt + 1)
}
