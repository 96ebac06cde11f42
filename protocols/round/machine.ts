/**
 * The round as a pure function. An event first changes the knowledge in the state; then the rules are tried, in order,
 * until none applies any more. The rules are those of Tendermint (Buchman, Kwon, Milosevic, "The latest gossip on BFT
 * consensus", arXiv 1807.04938, algorithm 1) with the gathering of contributions before them and the merge within.
 */

import { STATUS_INTERVAL_MS } from './messages/constants.ts'
import type { Envelope } from './messages/messages.ts'
import { onMeasured } from './proposal/harm.ts'
import { onValue } from './proposal/judge.ts'
import { rulePropose } from './proposal/propose.ts'
import { ruleSearch } from './proposal/search.ts'
import { onPrecommitTimeout, rulePrecommitted, ruleSkip } from './rules/attempt.ts'
import { onWaitOver, ruleProposalSeen, ruleQuorumCommitted, ruleReady, ruleStalled } from './rules/collect.ts'
import { onPruned, onWithheld } from './rules/commit.ts'
import { isOpen, onHeld, onList, onValidated } from './rules/contributions.ts'
import { onCertificate, ruleAdopt, ruleDecide, takeOver } from './rules/decide.ts'
import { isStale as isStaleNow, receiveEnvelope } from './rules/receive.ts'
import { startRound } from './rules/rounds.ts'
import { onAsked, onServeTimer, ruleAllDone } from './rules/serve.ts'
import { onStatusTimer } from './rules/status.ts'
import { onPrevoteTimeout, onProposeTimeout, ruleLock, rulePrevote, rulePrevoted } from './rules/vote.ts'
import { syncTimers, takeFired } from './timers.ts'
import { beginTurn, emit, exit, patch, type Turn } from './turn.ts'
import type { Context, Outcome, RoundEvent, RoundState } from './types.ts'

/** The state before the event `start`. */
export function initialState(context: Context): RoundState {
  const members = context.federation.members
  return {
    step: 'collect',
    round: 0,
    attempt: 0,
    last: null,
    certified: {},
    adopting: null,
    pruning: null,
    signed: [],
    commits: {},
    lists: {},
    contributions: {},
    merges: {},
    harms: {},
    harmful: {},
    searching: false,
    values: {},
    evidence: {},
    attempts: [],
    early: {},
    locked: null,
    valid: null,
    candidate: null,
    proposed: -1,
    wait: 'none',
    roundTicks: 0,
    quorumTicks: 0,
    stalledTicks: 0,
    due: [],
    armed: [],
    silence: new Array(members).fill(0),
    announced: new Array(members).fill(null),
    beat: 0,
    askedToCatchUp: false,
    proposerSearches: false,
    searchTicks: 0,
    lingering: false,
  }
}

/** The next state, and the effects to carry out before the next event. Neither argument is written to. */
export function step(context: Context, state: RoundState, event: RoundEvent): Outcome {
  const turn = beginTurn(context, state)
  if (state.step === 'stopped') return { state, effects: [] }
  apply(turn, event)
  while (turn.state.step !== 'stopped' && RULES.some((rule) => rule(turn))) {}
  syncTimers(turn)
  return { state: turn.state, effects: turn.effects }
}

/** Each rule returns whether it applied. When one has applied, all rules are tried again from the first. */
const RULES: ReadonlyArray<(turn: Turn) => boolean> = [
  ruleDecide,
  ruleAdopt,
  ruleAllDone,
  ruleSkip,
  ruleQuorumCommitted,
  ruleReady,
  ruleProposalSeen,
  ruleStalled,
  ruleSearch,
  rulePropose,
  rulePrevote,
  ruleLock,
  rulePrevoted,
  rulePrecommitted,
]

type Handlers = { [T in RoundEvent['type']]: (turn: Turn, event: Extract<RoundEvent, { type: T }>) => void }

const HANDLERS: Handlers = {
  start,
  pruned: (turn, { round, root, list }) => onPruned(turn, round, root, list),
  withheld: (turn, { round }) => onWithheld(turn, round),
  message: (turn, { envelope }) => receiveEnvelope(turn, envelope),
  certificate: (turn, { certificate }) => onCertificate(turn, certificate),
  list: onList,
  value: (turn, { hash, value }) => onValue(turn, hash, value),
  held: onHeld,
  validated: onValidated,
  merged: onMerged,
  unmergeable: onUnmergeable,
  measured: onMeasured,
  timer: (turn, { id }) => onTimer(turn, id),
  asked: onAsked,
}

function apply<T extends RoundEvent['type']>(turn: Turn, event: Extract<RoundEvent, { type: T }>): void {
  const handler = HANDLERS[event.type as T]
  handler(turn, event)
}

function start(turn: Turn, { beat, certificate, log }: Extract<RoundEvent, { type: 'start' }>): void {
  patch(turn, { beat, signed: [...log] })
  emit(turn, { type: 'setTimer', id: 'status', ms: STATUS_INTERVAL_MS })
  if (certificate === null) {
    startRound(turn, 1)
    return
  }
  takeOver(turn, certificate)
}

function onMerged(turn: Turn, { manifest, ...result }: Extract<RoundEvent, { type: 'merged' }>): void {
  if (turn.state.merges[manifest] !== 'running') return
  const { root, moved, bits, doubt } = result
  patch(turn, { merges: { ...turn.state.merges, [manifest]: { root, moved, bits, doubt } } })
}

/** A list is opened once and has one total, so no other attempt could give another. */
function onUnmergeable(turn: Turn, { reason }: Extract<RoundEvent, { type: 'unmergeable' }>): void {
  exit(turn, 'cheated', reason)
}

const TIMERS: Readonly<Record<string, (turn: Turn, id: string) => void>> = {
  status: onStatusTimer,
  wait: onWaitOver,
  serve: onServeTimer,
  linger: onServeTimer,
  propose: (turn, id) => takeFired(turn, 'propose', id) && onProposeTimeout(turn),
  prevote: (turn, id) => takeFired(turn, 'prevote', id) && onPrevoteTimeout(turn),
  precommit: (turn, id) => takeFired(turn, 'precommit', id) && onPrecommitTimeout(turn),
}

/** Timer ids begin with a name: `precommit/3/0` is that of round 3, attempt 0. */
function onTimer(turn: Turn, id: string): void {
  TIMERS[id.split('/')[0]]?.(turn, id)
}

/**
 * The messages that a member needs to catch up with this peer; anti-entropy compares and sends them. They are the
 * commits that no certificate covers yet, evidence, and the votes of this round.
 */
export function heldMessages(context: Context, state: RoundState): Envelope[] {
  const turn = beginTurn(context, state)
  const commits = turn.roster.flatMap((member) => Object.values(state.commits[member] ?? {}).flat())
  const open = commits.filter((commit) => isOpen(turn, commit))
  const votes = state.attempts.flatMap(({ proposal, prevotes, precommits }) => [proposal, ...prevotes, ...precommits])
  return [...open, ...Object.values(state.evidence), ...votes].filter((envelope) => envelope != null)
}

/** Whether a message can change nothing any more: who hears it again need not pass it on. */
export function isStale(context: Context, state: RoundState, envelope: Envelope): boolean {
  return isStaleNow(beginTurn(context, state), envelope)
}
