/** The beginning of a round. */

import { emit, patch, type Turn } from '../turn.ts'
import { forgetCommits, startPruning } from './commit.ts'
import { forgetCertified, requestLists } from './contributions.ts'
import { receiveEnvelope } from './receive.ts'
import { sendStatus } from './status.ts'

/**
 * Begins a round: forgets the votes of the round before, restores what this peer has signed in this one, and starts to
 * prune.
 */
export function startRound(turn: Turn, round: number): void {
  const { early, signed } = turn.state
  patch(turn, {
    step: 'collect',
    round,
    attempt: 0,
    attempts: [],
    early: {},
    values: {},
    merges: {},
    harms: {},
    harmful: {},
    searching: false,
    candidate: null,
    proposed: -1,
    wait: 'none',
    roundTicks: 0,
    quorumTicks: 0,
    stalledTicks: 0,
    proposerSearches: false,
    searchTicks: 0,
    due: [],
    armed: [],
    signed: signed.filter((body) => 'round' in body && body.round >= round),
    ...lockOf(turn, round),
  })
  forgetCertified(turn)
  forgetCommits(turn)
  sendStatus(turn)
  for (const body of turn.state.signed) {
    if ('round' in body && body.round === round) emit(turn, { type: 'send', body }) // only after a restart
  }
  if (turn.context.federation.once && turn.state.pruning !== null) {
    emit(turn, { type: 'abortPrune' })
    patch(turn, { pruning: null })
  }
  startPruning(turn)
  requestLists(turn)
  for (const envelope of Object.values(early)) receiveEnvelope(turn, envelope)
}

/** The lock that follows from this peer's own precommits of a round: after a restart it holds as before. */
function lockOf({ state }: Turn, round: number) {
  let lock: { value: string; attempt: number } | null = null
  for (const body of state.signed) {
    if (body.type !== 'precommit' || body.round !== round || body.value === null) continue
    if (lock === null || body.attempt > lock.attempt) lock = { value: body.value, attempt: body.attempt }
  }
  return { locked: lock, valid: lock }
}
