/**
 * Every ten seconds, or less often where there are many, a member announces its round and step. A peer that hears too
 * few members for too long gives up.
 */
import { PROPOSER_SILENCE_TICKS, paced, SILENCE_TICKS, STATUS_INTERVAL_MS } from '../messages/constants.ts'
import type { Status } from '../messages/messages.ts'
import { waitMs } from '../timers.ts'
import { emit, exit, isDishonest, isVoting, patch, phase, proposerOf, quorum, type Turn, withIndex } from '../turn.ts'
import { isDelivered, slotsOf } from './contributions.ts'

export function sendStatus(turn: Turn): void {
  const { attempt, beat, last, round, searching } = turn.state
  const step = searching && turn.state.step === 'propose' ? 'searching' : turn.state.step
  patch(turn, { beat: beat + 1 })
  emit(turn, { type: 'send', body: { type: 'status', round, step, attempt, certificate: last?.id ?? null, beat } })
}

export function onStatusTimer(turn: Turn): void {
  const { quorumTicks, roundTicks, silence, stalledTicks, step, wait } = turn.state
  emit(turn, { type: 'setTimer', id: 'status', ms: STATUS_INTERVAL_MS })
  patch(turn, {
    silence: silence.map((ticks, member) => (member === turn.context.self ? 0 : ticks + 1)),
    roundTicks: roundTicks + 1,
    quorumTicks: quorumTicks + (step === 'collect' && wait === 'none' ? 1 : 0),
    stalledTicks: step === 'collect' && wait === 'over' ? stalledTicks + 1 : 0,
    askedToCatchUp: false,
    searchTicks: turn.state.searchTicks + (turn.state.proposerSearches ? 1 : 0),
  })
  if (turn.state.searchTicks * STATUS_INTERVAL_MS >= waitMs(turn)) patch(turn, { proposerSearches: false })
  if (isTurnToTell(turn)) sendStatus(turn)
  if (areKeysMissing(turn)) return
  const heard = turn.roster.filter((member) => turn.state.silence[member] < SILENCE_TICKS)
  if (step === 'serve' || heard.length >= quorum(turn)) return
  const minutes = (SILENCE_TICKS * STATUS_INTERVAL_MS) / 60_000
  exit(turn, 'noAgreement', `heard ${heard.length} of ${quorum(turn)} members that are needed for ${minutes} minutes`)
}

/** Keys and key sheets are needed of all: gives up on who does not show its own, or does not accept those of others. */
function areKeysMissing(turn: Turn): boolean {
  const decides = phase(turn)
  if (!isVoting(turn.state) || (decides !== 'keys' && decides !== 'sheets')) return false
  if (turn.state.roundTicks < SILENCE_TICKS) return false
  exit(turn, 'noAgreement', `the ${decides === 'keys' ? 'keys' : 'key sheets'} of all are needed: ${lacking(turn)}`)
  return true
}

/** Whose keys or sheets are missing, or refused by whom. */
function lacking(turn: Turn): string {
  const { attempts, round } = turn.state
  const liars = turn.roster.filter((member) => isDishonest(turn, member))
  if (liars.length > 0) return `member ${liars.join(', ')} has equivocated`
  const away = turn.roster.filter((member) => !isDelivered(turn, member, round, slotsOf(turn, member)))
  if (away.length > 0) return `none came from member ${away.join(', ')}`
  const gone = turn.roster.filter((member) => isUnheard(turn, member))
  if (gone.length > 0) return `all have come, and member ${gone.join(', ')} has gone without accepting them`
  const votes = attempts.flatMap(({ prevotes, precommits }) => [...prevotes, ...precommits])
  const accepting = new Set(votes.filter(({ body }) => body.value !== null).map(({ from }) => from))
  return `not accepted by member ${turn.roster.filter((member) => !accepting.has(member)).join(', ')}`
}

/** Whether nobody waits any more for a member to propose, since it says nothing. */
export function isUnheard({ context, state }: Turn, member: number): boolean {
  const silence = member === context.self ? 0 : state.silence[member]
  return silence >= PROPOSER_SILENCE_TICKS * paced(context.federation.members)
}

/** Where members take turns, their numbers spread them over the intervals. */
function isTurnToTell({ context, state }: Turn): boolean {
  return (state.roundTicks + context.self) % paced(context.federation.members) === 0
}

/** Records a status. Returns whether it is a new one. */
export function onStatus(turn: Turn, from: number, status: Status): boolean {
  const { beat, certificate, round, step } = status
  const earlier = turn.state.announced[from]
  if (earlier != null && earlier.beat >= beat) return false
  patch(turn, { announced: withIndex(turn.state.announced, from, { beat, certificate }, null) })
  if (isVoting(turn.state) && from === proposerOf(turn, turn.state.attempt)) waitForSearch(turn, status)
  behind(turn, from, step === 'adopt' || step === 'serve' ? round + 1 : round)
  return true
}

/**
 * Waits for a proposer that tries merges without some members, at most as long as for stragglers. A liar that only says
 * so costs that time once in an attempt.
 */
function waitForSearch(turn: Turn, { attempt, round, step }: Status): void {
  const { searchTicks, ...state } = turn.state
  const searches = step === 'searching' && round === state.round && attempt === state.attempt
  patch(turn, { proposerSearches: searches && searchTicks * STATUS_INTERVAL_MS < waitMs(turn) })
}

/** Asks for a later certificate because another member is in a later round: once in a status interval. */
export function behind(turn: Turn, member: number, theirs: number): void {
  const { askedToCatchUp, round, step } = turn.state
  const next = isVoting(turn.state) ? round : round + 1
  if (theirs <= next || askedToCatchUp || step === 'serve' || member === turn.context.self) return
  patch(turn, { askedToCatchUp: true })
  emit(turn, { type: 'catchUp', member, round: next })
}
