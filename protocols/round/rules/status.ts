/** Every ten seconds a member announces its round and step. A peer that hears too few members for too long gives up. */
import { SILENCE_TICKS, STATUS_INTERVAL_MS } from '../messages/constants.ts'
import type { Status } from '../messages/messages.ts'
import { emit, exit, isVoting, patch, quorum, type Turn, withIndex } from '../turn.ts'

export function sendStatus(turn: Turn): void {
  const { attempt, beat, last, round, step } = turn.state
  patch(turn, { beat: beat + 1 })
  emit(turn, { type: 'send', body: { type: 'status', round, step, attempt, certificate: last?.id ?? null, beat } })
}

export function onStatusTimer(turn: Turn): void {
  const { roundTicks, silence, stalledTicks, step, wait } = turn.state
  emit(turn, { type: 'setTimer', id: 'status', ms: STATUS_INTERVAL_MS })
  patch(turn, {
    silence: silence.map((ticks, member) => (member === turn.context.self ? 0 : ticks + 1)),
    roundTicks: roundTicks + 1,
    stalledTicks: step === 'collect' && wait === 'over' ? stalledTicks + 1 : 0,
    askedToCatchUp: false,
  })
  sendStatus(turn)
  const heard = turn.roster.filter((member) => turn.state.silence[member] < SILENCE_TICKS)
  if (step === 'serve' || heard.length >= quorum(turn)) return
  const minutes = (SILENCE_TICKS * STATUS_INTERVAL_MS) / 60_000
  exit(turn, 'noAgreement', `heard ${heard.length} of ${quorum(turn)} members that are needed for ${minutes} minutes`)
}

/** Records a status. Returns whether it is a new one. */
export function onStatus(turn: Turn, from: number, { beat, certificate, round, step }: Status): boolean {
  const earlier = turn.state.announced[from]
  if (earlier != null && earlier.beat >= beat) return false
  patch(turn, { announced: withIndex(turn.state.announced, from, { beat, certificate }, null) })
  behind(turn, from, step === 'adopt' || step === 'serve' ? round + 1 : round)
  return true
}

/** Asks for a later certificate because another member is in a later round: once in a status interval. */
export function behind(turn: Turn, member: number, theirs: number): void {
  const { askedToCatchUp, round, step } = turn.state
  const next = isVoting(turn.state) ? round : round + 1
  if (theirs <= next || askedToCatchUp || step === 'serve' || member === turn.context.self) return
  patch(turn, { askedToCatchUp: true })
  emit(turn, { type: 'catchUp', member, round: next })
}
