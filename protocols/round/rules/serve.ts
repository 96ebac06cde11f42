/** The step after the last certificate: others may still need blobs and messages that this peer holds. */
import { LINGER_MS, SERVE_IDLE_MS } from '../messages/constants.ts'
import { emit, exit, isExcluded, patch, type Turn } from '../turn.ts'
import { sendStatus } from './status.ts'

export function startServing(turn: Turn): void {
  if (turn.state.pruning !== null) emit(turn, { type: 'abortPrune' })
  patch(turn, { step: 'serve', pruning: null, attempts: [], early: {}, due: [], armed: [] })
  sendStatus(turn)
  emit(turn, { type: 'setTimer', id: 'serve', ms: SERVE_IDLE_MS })
}

/** All have announced the last certificate: only messages that are on their way are waited for. */
export function ruleAllDone(turn: Turn): boolean {
  const { announced, last, lingering, step } = turn.state
  if (step !== 'serve' || lingering) return false
  const open = turn.roster.filter((member) => member !== turn.context.self && !isExcluded(turn, member))
  if (!open.every((member) => announced[member]?.certificate === last?.id)) return false
  patch(turn, { lingering: true })
  emit(turn, { type: 'clearTimer', id: 'serve' })
  emit(turn, { type: 'setTimer', id: 'linger', ms: LINGER_MS })
  return true
}

export function onAsked(turn: Turn): void {
  if (turn.state.step !== 'serve' || turn.state.lingering) return
  emit(turn, { type: 'setTimer', id: 'serve', ms: SERVE_IDLE_MS })
}

export function onServeTimer(turn: Turn): void {
  if (turn.state.step !== 'serve') return
  exit(turn, 'done', turn.state.lingering ? 'all members are done' : 'nobody has asked for anything')
}
