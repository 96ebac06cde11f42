/** The proposer's part of an attempt. */

import { toHex } from '../../wire/encoding.ts'
import { blobId } from '../../wire/hash.ts'
import type { Hash } from '../messages/messages.ts'
import { encodeValue, type Value } from '../messages/value.ts'
import { emit, note, patch, proposerOf, short, signOnce, type Turn } from '../turn.ts'
import type { Candidate, MergeResult } from '../types.ts'
import { knownValue } from './judge.ts'
import { makeCandidate, mergeOf } from './manifest.ts'
import { leastHarmful } from './search.ts'

/**
 * Lines 14-18. Proposes the value that a quorum has prevoted already, if this peer knows one; else a new value: first
 * the manifest is made, then its merge, then the value that holds both. It is the manifest of everything, unless that
 * would harm this peer.
 */
export function rulePropose(turn: Turn): boolean {
  const { attempt, proposed, step, valid } = turn.state
  if (step !== 'propose' || proposerOf(turn, attempt) !== turn.context.self || proposed >= attempt) return false
  if (valid !== null) {
    propose(turn, valid.value, valid.attempt)
    return true
  }
  const candidate = turn.state.candidate ?? makeCandidate(turn)
  if (candidate === null) return false
  patch(turn, { candidate })
  // A second list would be a second opening: where sums are masked nobody is left out for harm.
  const chosen = turn.context.federation.masked === null ? leastHarmful(turn, candidate) : candidate
  if (chosen === null) return false
  const merge = mergeOf(turn, chosen.manifest, chosen.entries, turn.state.last?.manifest ?? null)
  if (merge === null) return false
  propose(turn, newValue(turn, chosen, merge), -1)
  return true
}

function propose(turn: Turn, value: Hash, polRound: number): void {
  const { attempt, round } = turn.state
  patch(turn, { proposed: attempt })
  const signed = signOnce(turn, { type: 'proposal', round, attempt, value, polRound })
  note(turn, `proposes ${short(signed.type === 'proposal' ? signed.value : value)}`)
}

/** Makes the value, stores it and serves it. */
function newValue(turn: Turn, { entries, excluded }: Candidate, { root, moved, bits }: MergeResult): Hash {
  const { round, last } = turn.state
  const plan = turn.context.federation.id
  const value: Value = { plan, round, previous: last?.id ?? null, excluded, entries, merged: root, moved, bits }
  const bytes = encodeValue(value)
  const hash = toHex(blobId(bytes))
  patch(turn, { values: { ...turn.state.values, [hash]: knownValue(turn, value) } })
  emit(turn, { type: 'store', hash, bytes })
  return hash
}
