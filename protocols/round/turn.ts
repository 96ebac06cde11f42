/** One call of the machine: the changing state and the collected effects. States themselves are never written to. */
import { faultsOf, quorumOf } from '../plan/offer.ts'
import { type Phase, phaseOf } from './masked/phases.ts'
import type { BindingBody, Hash } from './messages/messages.ts'
import { placeOf } from './messages/messages.ts'
import type { AttemptRecord, Context, Effect, ExitReason, RoundState } from './types.ts'

export interface Turn {
  readonly context: Context
  /** Indices of all members. */
  readonly roster: readonly number[]
  state: RoundState
  readonly effects: Effect[]
}

export function patch(turn: Turn, changes: Partial<RoundState>): void {
  turn.state = { ...turn.state, ...changes }
}

export function emit(turn: Turn, effect: Effect): void {
  turn.effects.push(effect)
}

export function note(turn: Turn, text: string): void {
  emit(turn, { type: 'note', text })
}

/** Stops the machine. */
export function exit(turn: Turn, reason: ExitReason, detail: string): void {
  patch(turn, { step: 'stopped' })
  emit(turn, { type: 'exit', reason, detail })
}

/** The members whose votes decide the round: of key sheets all, since each checks shares that nobody else can. */
export function quorum(turn: Turn): number {
  const { members } = turn.context.federation
  return phase(turn) === 'sheets' ? members : quorumOf(members)
}

/** The decision of the current round. */
export function phase({ context, state }: Turn): Phase {
  return phaseOf(context.federation, state.round)
}

/** The smallest number of members of which one must be honest. */
export function oneHonest({ context }: Turn): number {
  return faultsOf(context.federation.members) + 1
}

export function beginTurn(context: Context, state: RoundState): Turn {
  const roster = Array.from({ length: context.federation.members }, (_, member) => member)
  return { context, roster, state, effects: [] }
}

/** Whether the last certificate excludes a member: it neither proposes nor votes nor contributes any more. */
export function isExcluded({ state }: Turn, member: number): boolean {
  return state.last?.value.excluded.includes(member) ?? false
}

/** Whether this peer knows that a member has equivocated, from a certificate or from evidence. */
export function isDishonest(turn: Turn, member: number): boolean {
  return turn.state.evidence[member] !== undefined || isExcluded(turn, member)
}

/** The proposer of an attempt of the current round: the members that are not excluded take turns. */
export function proposerOf(turn: Turn, attempt: number): number {
  const active = turn.roster.filter((member) => !isExcluded(turn, member))
  return active[(turn.state.round - 1 + attempt) % active.length]
}

/** Whether the machine is in one of the steps in which it votes, or in the one before them. */
export function isVoting({ step }: RoundState): boolean {
  return step === 'collect' || step === 'propose' || step === 'prevote' || step === 'precommit'
}

/** The messages that were heard of an attempt. */
export function attemptRecord(turn: Turn, attempt: number): AttemptRecord {
  return turn.state.attempts[attempt] ?? { proposal: null, prevotes: [], precommits: [] }
}

/** The body that this peer has signed at the place of this body; null if there is none. */
function signedAt({ state }: Turn, body: BindingBody): BindingBody | null {
  const place = placeOf(body)
  for (const earlier of state.signed) {
    if (earlier.type !== 'status' && earlier.type !== 'evidence' && placeOf(earlier) === place) return earlier
  }
  return null
}

/**
 * Signs a body that binds this peer: it is persisted first, then sent. If this peer has signed at that place already,
 * nothing happens: the earlier body is returned, and the machine goes on from it.
 */
export function signOnce(turn: Turn, body: BindingBody): BindingBody {
  const earlier = signedAt(turn, body)
  if (earlier !== null) return earlier
  patch(turn, { signed: [...turn.state.signed, body] })
  emit(turn, { type: 'persist', body })
  emit(turn, { type: 'send', body })
  return body
}

/** The first eight digits of a hash, or "nil": for notes. */
export function short(hash: Hash | null): string {
  return hash === null ? 'nil' : hash.slice(0, 8)
}

/** A copy of an array with one item replaced. An array that is too short is filled up with `empty`. */
export function withIndex<T>(list: readonly T[], index: number, item: T, empty: T): T[] {
  const copy = [...list]
  while (copy.length <= index) copy.push(empty)
  copy[index] = item
  return copy
}
