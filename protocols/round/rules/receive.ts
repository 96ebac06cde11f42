/** Takes gossip messages in. In any order, the first message of a member at a place counts. */

import { type Envelope, isBinding, type Proposal, sameBody, type Vote } from '../messages/messages.ts'
import { countFor } from '../tally.ts'
import {
  attemptRecord,
  isDishonest,
  isExcluded,
  isVoting,
  oneHonest,
  patch,
  proposerOf,
  type Turn,
  withIndex,
} from '../turn.ts'
import { isOver, onCommit } from './commit.ts'
import { convict, onEvidence } from './equivocation.ts'
import { behind, onStatus } from './status.ts'

export function receiveEnvelope(turn: Turn, envelope: Envelope): void {
  if (take(turn, envelope)) {
    const silence = withIndex(turn.state.silence, envelope.from, 0, 0)
    patch(turn, { silence })
  }
}

/**
 * Whether a message of another peer can change nothing any more, here or at one that is a round behind: a status that
 * is not the author's last, and whatever is of a round that is long over.
 */
export function isStale(turn: Turn, envelope: Envelope): boolean {
  const { body, from } = envelope
  const { announced, round } = turn.state
  if (body.type === 'status') return (announced[from]?.beat ?? -1) >= body.beat
  if (body.type === 'commit') return isOver(turn, { ...envelope, body })
  return body.type !== 'evidence' && body.round < round - 1
}

/** Returns whether the message is new. Only then its author counts as heard. */
function take(turn: Turn, envelope: Envelope): boolean {
  const { body, from } = envelope
  if (isBinding(body) && (isExcluded(turn, from) || turn.state.step === 'serve')) return false
  const isVote = body.type === 'prevote' || body.type === 'precommit'
  if (isBinding(body) && !isVote && isDishonest(turn, from)) return false
  switch (body.type) {
    case 'status':
      return onStatus(turn, from, body)
    case 'commit':
      behind(turn, from, body.round)
      return onCommit(turn, { ...envelope, body })
    case 'evidence':
      return takeEvidence(turn, { ...envelope, body })
    default:
      behind(turn, from, body.round)
      return takeVoting(turn, { ...envelope, body })
  }
}

/** Records evidence. Manifests of others may hold either commit of an equivocator, so both are kept. */
function takeEvidence(turn: Turn, envelope: Parameters<typeof onEvidence>[1]): boolean {
  const pair = onEvidence(turn, envelope)
  for (const { body, ...rest } of pair ?? []) {
    if (body.type === 'commit') onCommit(turn, { ...rest, body })
  }
  return pair !== null
}

/**
 * Takes a proposal or a vote. One of this round is recorded, one of the next is kept until that round begins, any other
 * is ignored.
 */
function takeVoting(turn: Turn, envelope: Envelope<Proposal | Vote>): boolean {
  const { body, from } = envelope
  const { early, round } = turn.state
  if (body.round === round + 1) {
    const key = `${body.type}/${body.attempt}/${from}`
    if (early[key] !== undefined) return false
    patch(turn, { early: { ...early, [key]: envelope } })
    return true
  }
  if (body.round !== round || !isVoting(turn.state)) return false
  return body.type === 'proposal'
    ? takeProposal(turn, { ...envelope, body })
    : takeVote(turn, { ...envelope, body }, body.type === 'prevote' ? 'prevotes' : 'precommits')
}

function takeProposal(turn: Turn, envelope: Envelope<Proposal>): boolean {
  const { body, from } = envelope
  if (from !== proposerOf(turn, body.attempt) || body.polRound >= body.attempt) return false
  const record = attemptRecord(turn, body.attempt)
  if (record.proposal !== null) {
    if (!sameBody(record.proposal.body, body)) convict(turn, record.proposal, envelope)
    return false
  }
  setAttempt(turn, body.attempt, { ...record, proposal: envelope })
  return true
}

/**
 * Records a vote. A second vote of a member at one place convicts it. The second vote still counts if enough others
 * have voted for the same value that one of them must be honest: that one may have locked the value, and this peer must
 * be able to understand why. Votes for values that only liars vote for are dropped, so that they cannot fill the
 * memory.
 */
function takeVote(turn: Turn, envelope: Envelope<Vote>, list: 'prevotes' | 'precommits'): boolean {
  const { body, from } = envelope
  const record = attemptRecord(turn, body.attempt)
  const earlier = record[list].filter((vote) => vote.from === from)
  if (earlier.some((vote) => sameBody(vote.body, body))) return false
  if (earlier.length > 0) {
    convict(turn, earlier[0], envelope)
    if (countFor(record[list], body.value) < oneHonest(turn)) return false
  }
  setAttempt(turn, body.attempt, { ...record, [list]: [...record[list], envelope] })
  return true
}

function setAttempt(turn: Turn, attempt: number, record: ReturnType<typeof attemptRecord>): void {
  const empty = { proposal: null, prevotes: [], precommits: [] }
  patch(turn, { attempts: withIndex(turn.state.attempts, attempt, record, empty) })
}
