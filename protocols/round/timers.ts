/** The timers of the steps. They stand still while this peer merges, and start afresh when it has. */
import { LAST_ROUND_WAIT_FACTOR, MIN_WAIT_MS, STATUS_INTERVAL_MS, STEP_TIMEOUT_MS } from './messages/constants.ts'
import { emit, patch, type Turn } from './turn.ts'
import type { StepTimer } from './types.ts'

/** Ids carry round and attempt, so that one that comes late is recognised. */
function stepTimerId({ state }: Turn, timer: StepTimer): string {
  return `${timer}/${state.round}/${state.attempt}`
}

export function waitTimerId({ state }: Turn): string {
  return `wait/${state.round}`
}

/** The timer becomes due; it runs as soon as no merge does. */
export function setDue(turn: Turn, timer: StepTimer): void {
  if (!turn.state.due.includes(timer)) patch(turn, { due: [...turn.state.due, timer] })
}

export function dropDue(turn: Turn, timer: StepTimer): void {
  if (turn.state.due.includes(timer)) patch(turn, { due: turn.state.due.filter((other) => other !== timer) })
  disarm(turn, [timer])
}

/** Forgets all timers of the attempt. */
export function dropAll(turn: Turn): void {
  patch(turn, { due: [] })
  disarm(turn, turn.state.armed)
}

/** A timer has run out; returns whether it still meant anything. */
export function takeFired(turn: Turn, timer: StepTimer, id: string): boolean {
  if (id !== stepTimerId(turn, timer) || !turn.state.armed.includes(timer)) return false
  patch(turn, {
    due: turn.state.due.filter((other) => other !== timer),
    armed: turn.state.armed.filter((other) => other !== timer),
  })
  return true
}

/** Makes the timers that run those that are due and may run. Called at the end of every step. */
export function syncTimers(turn: Turn): void {
  const { due, merges, step } = turn.state
  if (step === 'stopped') return
  const running = Object.values(merges).includes('running') ? [] : due
  disarm(
    turn,
    turn.state.armed.filter((timer) => !running.includes(timer)),
  )
  for (const timer of running) {
    if (turn.state.armed.includes(timer)) continue
    patch(turn, { armed: [...turn.state.armed, timer] })
    emit(turn, { type: 'setTimer', id: stepTimerId(turn, timer), ms: STEP_TIMEOUT_MS * (turn.state.attempt + 1) })
  }
}

function disarm(turn: Turn, timers: readonly StepTimer[]): void {
  for (const timer of timers) {
    if (!turn.state.armed.includes(timer)) continue
    emit(turn, { type: 'clearTimer', id: stepTimerId(turn, timer) })
    patch(turn, { armed: turn.state.armed.filter((other) => other !== timer) })
  }
}

/**
 * How long a proposer waits for the rest after a quorum has committed: max(30 s, what the quorum took), four times
 * that in the last round. The plan may say another wait. What the quorum took is counted in whole status intervals.
 */
export function waitMs({ context, state }: Turn): number {
  const { roundTimeoutMs, rounds } = context.federation
  if (roundTimeoutMs !== null) return roundTimeoutMs
  const wait = Math.max(MIN_WAIT_MS, state.roundTicks * STATUS_INTERVAL_MS)
  return state.round === rounds ? LAST_ROUND_WAIT_FACTOR * wait : wait
}
