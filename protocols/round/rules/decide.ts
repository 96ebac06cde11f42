/** The end of a round: a quorum of precommits is a certificate, and its value becomes the model. */

import { keySlot, sheetSlot } from '../../../src/merge/openings.ts'
import type { Certificate } from '../messages/certificate.ts'
import { certificateId } from '../messages/certificate.ts'
import type { Hash } from '../messages/messages.ts'
import {
  type Certified,
  isLast,
  type ManifestEntry,
  manifestKey,
  placeInManifest,
  type Value,
  valueFault,
} from '../messages/value.ts'
import { requestValue } from '../proposal/judge.ts'
import { mergeOf } from '../proposal/manifest.ts'
import { agreed, supporterOf } from '../tally.ts'
import { dropAll, waitTimerId } from '../timers.ts'
import { emit, exit, isVoting, note, patch, quorum, short, type Turn } from '../turn.ts'
import type { AttemptRecord } from '../types.ts'
import { contributionStatus, requestContribution } from './contributions.ts'
import { startRound } from './rounds.ts'
import { startServing } from './serve.ts'

/** Lines 49-54: a quorum has precommitted one value, in any attempt. */
export function ruleDecide(turn: Turn): boolean {
  if (!isVoting(turn.state)) return false
  for (const [attempt, record] of turn.state.attempts.entries()) {
    const hash = agreed(record.precommits, quorum(turn))
    if (hash == null) continue
    const known = turn.state.values[hash]
    if (known === undefined) {
      requestValue(turn, hash, supporterOf(record.precommits, hash))
      return true
    }
    if (typeof known === 'string') continue
    certify(turn, hash, certificateOf(known.value, attempt, hash, record))
    return true
  }
  return false
}

function certificateOf(value: Value, attempt: number, hash: Hash, { precommits }: AttemptRecord): Certificate {
  const votes = precommits.filter(({ body }) => body.value === hash).sort((a, b) => a.from - b.from)
  return { value, attempt, signatures: votes.map(({ from, signature }) => ({ member: from, signature })) }
}

/**
 * Takes a certificate from another peer, whose signatures were checked. It is taken over if it is of this round or a
 * later one.
 */
export function onCertificate(turn: Turn, certificate: Certificate): void {
  const { value } = certificate
  const { last, adopting, round } = turn.state
  if (value.round < (last?.value.round ?? 0)) return
  const id = certificateId(certificate)
  const mine = adopting?.value.round === value.round ? adopting : last?.value.round === value.round ? last : null
  if (mine !== null && mine.id !== id) {
    exit(turn, 'diverged', `two certificates of round ${value.round}: ${mine.id} and ${id}`)
    return
  }
  if (mine !== null || value.round < round) return
  certify(turn, id, certificate)
}

function certify(turn: Turn, id: Hash, certificate: Certificate): void {
  const { value } = certificate
  if (turn.state.wait === 'running') emit(turn, { type: 'clearTimer', id: waitTimerId(turn) })
  dropAll(turn)
  const next = value.previous === (turn.state.last?.id ?? null)
  const fault = next ? valueFault(turn.context.federation, turn.state.last, value) : null
  emit(turn, { type: 'certificate', id, certificate })
  note(turn, `certificate ${short(id)} of round ${value.round}`)
  takeOver(turn, { id, value })
  if (fault !== null) exit(turn, 'diverged', `a quorum has certified ${id}, which is not valid: ${fault}`)
}

/** From here on the round waits for what the certificate names. After a restart it is the last one on disk. */
export function takeOver(turn: Turn, { id, value }: Certified): void {
  const adopting = { id, value, manifest: manifestKey(value.previous, value.entries) }
  patch(turn, { step: 'adopt', round: value.round, attempts: [], wait: 'none', adopting })
}

/**
 * Merges the certified contributions before building on the certificate, as for a vote. A peer that was overtaken first
 * fetches the contributions that it lacks. A root that differs from the quorum's means that the computation differs
 * somewhere.
 */
export function ruleAdopt(turn: Turn): boolean {
  const { adopting, last, step } = turn.state
  if (step !== 'adopt' || adopting === null || !holdsAll(turn, adopting)) return false
  const { id, manifest, value } = adopting
  const next = value.previous === (last?.id ?? null)
  const merge = mergeOf(turn, manifest, value.entries, next ? (last?.manifest ?? null) : null)
  if (merge === null) return false
  // Moved bits are counted from the certificate before. A peer that was overtaken by two rounds does not have that one.
  const same = merge.root === value.merged && (!next || (merge.moved === value.moved && merge.bits === value.bits))
  if (!same) {
    const mine = `${merge.root} with ${merge.moved} of ${merge.bits} bits moved`
    const theirs = `${value.merged} with ${value.moved} of ${value.bits}`
    exit(turn, 'diverged', `round ${value.round}, manifest ${manifest}: merged to ${mine}, a quorum to ${theirs}`)
    return true
  }
  adopt(turn, { id, manifest, value })
  return true
}

/** Asks for what is missing of a certificate: of keys first, then of sheets, by which all else is checked. */
function holdsAll(turn: Turn, certified: { id: Hash; value: Value }): boolean {
  const { masked } = turn.context.federation
  const { entries } = certified.value
  if (masked === null) return holds(turn, certified, entries)
  const slots = [keySlot(masked), sheetSlot(masked)]
  const parts = [
    ...slots.map((slot) => entries.filter(({ block }) => block === slot)),
    entries.filter(({ block }) => !slots.includes(block)),
  ]
  return parts.every((part) => holds(turn, certified, part))
}

function holds(turn: Turn, { id }: { id: Hash }, entries: readonly ManifestEntry[]): boolean {
  let all = true
  for (const entry of entries) {
    const before = turn.state.certified[placeInManifest(entry)]
    if (before?.root === entry.root) continue
    const status = contributionStatus(turn, entry)
    if (status === undefined) requestContribution(turn, entry)
    if (status === 'invalid') {
      exit(turn, 'diverged', `certificate ${id} names contribution ${entry.root}, which this peer finds invalid`)
      return false
    }
    if (status !== 'valid') all = false
  }
  return all
}

function adopt(turn: Turn, certified: { id: Hash; manifest: Hash; value: Value }): void {
  const { value } = certified
  const last = isLast(turn.context.federation, value)
  patch(turn, {
    last: certified,
    adopting: null,
    certified: Object.fromEntries(value.entries.map((entry) => [placeInManifest(entry), entry])),
  })
  emit(turn, { type: 'adopted', ...certified, last })
  if (last) startServing(turn)
  else startRound(turn, value.round + 1)
}
