/**
 * The timers of the steps. They stop while this peer merges or measures harm, and start again from the beginning
 * afterwards. That of the proposal stops as well while the proposer says that it tries merges: see rules/status.ts.
 */
import { LAST_ROUND_WAIT_FACTOR, MIN_WAIT_MS, STATUS_INTERVAL_MS, STEP_TIMEOUT_MS } from './messages/constants.ts'
import { emit, patch, type Turn } from './turn.ts'
import type { StepTimer } from './types.ts'

/** Timer ids carry round and attempt, so that a late timer is recognised. */
function stepTimerId({ state }: Turn, timer: StepTimer): string {
  return `${timer}/${state.round}/${state.attempt}`
}

export function waitTimerId({ state }: Pick<Turn, 'state'>): string {
  return `wait/${state.round}`
}

/** Makes a timer due. It runs as soon as it may. */
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

/** Removes a timer that has run out; returns whether it was still wanted. */
export function takeFired(turn: Turn, timer: StepTimer, id: string): boolean {
  if (id !== stepTimerId(turn, timer) || !turn.state.armed.includes(timer)) return false
  patch(turn, {
    due: turn.state.due.filter((other) => other !== timer),
    armed: turn.state.armed.filter((other) => other !== timer),
  })
  return true
}

/** Starts the timers that are due and may run, and stops all others. Called at the end of every step. */
export function syncTimers(turn: Turn): void {
  if (turn.state.step === 'stopped') return
  const running = runningTimers(turn)
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

function runningTimers({ state }: Turn): readonly StepTimer[] {
  const { attempt, attempts, due, harms, merges, proposerSearches } = state
  if (Object.values(merges).includes('running') || Object.values(harms).includes('measuring')) return []
  const isSearched = proposerSearches && attempts[attempt]?.proposal == null
  return isSearched ? due.filter((timer) => timer !== 'propose') : due
}

function disarm(turn: Turn, timers: readonly StepTimer[]): void {
  for (const timer of timers) {
    if (!turn.state.armed.includes(timer)) continue
    emit(turn, { type: 'clearTimer', id: stepTimerId(turn, timer) })
    patch(turn, { armed: turn.state.armed.filter((other) => other !== timer) })
  }
}

/**
 * The time that a proposer waits for the other members after a quorum has committed: max(30 s, the time that the quorum
 * took), and four times that in the last round. The plan may give another wait. The quorum's time is counted in whole
 * status intervals.
 */
export function waitMs({ context, state }: Turn): number {
  const { roundTimeoutMs, rounds } = context.federation
  if (roundTimeoutMs !== null) return roundTimeoutMs
  const wait = Math.max(MIN_WAIT_MS, state.quorumTicks * STATUS_INTERVAL_MS)
  return state.round === rounds ? LAST_ROUND_WAIT_FACTOR * wait : wait
}
