/**
 * The proposer's search. Where the merge of everything would harm it, it judges each member by itself, and leaves out
 * what the worst of them has committed since the last certificate, then the next, until the merge harms it no more.
 * Their certified contributions stay, and a quorum with contributions of this round: of three members none can be left
 * out.
 */
import { type ManifestEntry, manifestKey, placeInManifest } from '../messages/value.ts'
import { neededContributors } from '../rules/contributions.ts'
import { sendStatus } from '../rules/status.ts'
import { attemptRecord, note, patch, type Turn } from '../turn.ts'
import type { Candidate } from '../types.ts'
import { harmOf } from './harm.ts'
import { mergeOf } from './manifest.ts'

interface Tried {
  candidate: Candidate
  harm: number
}

/**
 * Every member measures what it would propose, and searches, while it waits for a proposal: most have merged what will
 * be proposed, and the next proposer has its answer by the time that this attempt fails.
 */
export function ruleSearch(turn: Turn): boolean {
  const { attempt, candidate, merges, step } = turn.state
  if (turn.context.federation.masked !== null) return false
  if (step !== 'propose' || candidate === null || attemptRecord(turn, attempt).proposal !== null) return false
  if (typeof merges[candidate.manifest] !== 'object') return false
  const before = turn.state
  search(turn, candidate)
  return turn.state !== before
}

/** The proposer's choice; null while merges and measurements are missing. The others hear that it searches. */
export function leastHarmful(turn: Turn, whole: Candidate): Candidate | null {
  const first = tryOut(turn, whole)
  if (first === null) return null
  if (first.harm > turn.context.federation.harmLimit) tellSearch(turn)
  const best = search(turn, whole)
  if (best === null) return null
  if (best.candidate !== whole) tellFound(turn, first, best)
  return best.candidate
}

/**
 * The candidate itself, if it does not harm this member; else the first of the search that does not, or the one that
 * harms it least. null while merges and measurements are missing; one is asked for at a time.
 */
function search(turn: Turn, whole: Candidate): Tried | null {
  const { harmLimit } = turn.context.federation
  const first = tryOut(turn, whole)
  if (first === null || first.harm <= harmLimit) return first
  const suspects = suspectsOf(turn, whole)
  if (suspects === null) return null
  let [last, best] = [first, first]
  for (const member of suspects) {
    if (!mayLeave(turn, last.candidate, member)) continue
    const next = tryOut(turn, without(turn, last.candidate, member))
    if (next === null) return null
    last = next
    if (next.harm < best.harm) best = next
    if (next.harm <= harmLimit) break
  }
  return best
}

/**
 * The members with new contributions, this one apart, the most harmful first: by a merge of theirs and of this member's
 * alone. Two liars hide behind each other where one of them is left out of all; here each stands for itself.
 */
function suspectsOf(turn: Turn, { entries, excluded }: Candidate): number[] | null {
  const { federation, self } = turn.context
  const { once } = federation
  const isNew = (entry: ManifestEntry) => turn.state.certified[placeInManifest(entry)]?.round !== entry.round
  const members = new Set(entries.filter(isNew).map(({ member }) => member))
  const harms: [member: number, harm: number][] = []
  for (const member of members) {
    if (member === self) continue
    const both = entries.filter((entry) => [self, member].includes(entry.member) || (once && !isNew(entry)))
    const tried = tryOut(turn, candidateOf(turn, both, excluded))
    if (tried === null) return null
    harms.push([member, tried.harm])
  }
  return harms.sort(([, a], [, b]) => b - a).map(([member]) => member)
}

function tryOut(turn: Turn, candidate: Candidate): Tried | null {
  const { entries, manifest } = candidate
  if (mergeOf(turn, manifest, entries, turn.state.last?.manifest ?? null) === null) return null
  const harm = harmOf(turn, manifest)
  return harm === null ? null : { candidate, harm }
}

/** Whether enough members have contributions of this round without a member. */
function mayLeave(turn: Turn, { entries }: Candidate, member: number): boolean {
  const others = entries.filter((entry) => entry.round === turn.state.round && entry.member !== member)
  return new Set(others.map((entry) => entry.member)).size >= neededContributors(turn)
}

/** A candidate without what a member has committed since the last certificate. */
function without(turn: Turn, { entries, excluded }: Candidate, member: number): Candidate {
  const others = entries.filter((entry) => entry.member !== member)
  const theirs = Object.values(turn.state.certified).filter((entry) => entry.member === member)
  const left = [...others, ...theirs].sort((a, b) => a.member - b.member || a.block - b.block)
  return candidateOf(turn, left, excluded)
}

function candidateOf({ state }: Turn, entries: ManifestEntry[], excluded: number[]): Candidate {
  return { manifest: manifestKey(state.last?.id ?? null, entries), entries, excluded }
}

/** Tells the others at once, who then wait: the search takes a merge for each member. */
function tellSearch(turn: Turn): void {
  if (turn.state.searching) return
  patch(turn, { searching: true })
  sendStatus(turn)
}

function tellFound(turn: Turn, whole: Tried, found: Tried): void {
  const kept = new Set(found.candidate.entries)
  const left = new Set(whole.candidate.entries.filter((entry) => !kept.has(entry)).map(({ member }) => member))
  const [from, to] = [whole, found].map(({ harm }) => harm.toPrecision(3))
  note(turn, `leaves out member ${[...left].join(', ')}: perplexity here ${from} -> ${to} times that of own blocks`)
}
