/**
 * This peer's judgement of a value. It prevotes only for a value whose every contribution was committed, is held and
 * valid, and which it has merged itself to the same root.
 */

import type { Hash } from '../messages/messages.ts'
import { type ManifestEntry, manifestKey, placeInManifest, type Value, valueFault } from '../messages/value.ts'
import { contributionStatus, listsOf, requestContribution } from '../rules/contributions.ts'
import { emit, isDishonest, patch, phase, short, type Turn } from '../turn.ts'
import type { KnownValue } from '../types.ts'
import { mergeOf } from './manifest.ts'

/** A `wait` becomes `good` or `bad` when the missing data has arrived. */
type Verdict = { is: 'good' } | { is: 'bad' | 'wait'; reason: string }

const wait = (reason: string): Verdict => ({ is: 'wait', reason })
const bad = (reason: string): Verdict => ({ is: 'bad', reason })

/** Judges a value, and asks for whatever is missing. @param author - a member that must have the value */
export function judge(turn: Turn, hash: Hash, author: number): Verdict {
  const known = turn.state.values[hash]
  if (known === undefined) requestValue(turn, hash, author)
  if (known === undefined || known === 'fetching') return wait(`value ${short(hash)} has not come`)
  if (known === 'bad') return bad('its bytes are no value')
  if (known.fault !== null) return bad(known.fault)
  return exclusions(turn, known) ?? contributions(turn, known) ?? merge(turn, known)
}

/** Asks for a value once. @param author - a member that must have it */
export function requestValue(turn: Turn, hash: Hash, author: number): void {
  if (turn.state.values[hash] !== undefined) return
  patch(turn, { values: { ...turn.state.values, [hash]: 'fetching' } })
  emit(turn, { type: 'fetch', what: 'value', id: hash, author })
}

/** Records a fetched value. @param value - null if the fetched bytes are not a value */
export function onValue(turn: Turn, hash: Hash, value: Value | null): void {
  if (turn.state.values[hash] !== 'fetching') return
  patch(turn, { values: { ...turn.state.values, [hash]: value === null ? 'bad' : knownValue(turn, value) } })
}

/** A value with the conclusions that do not change during the round. */
export function knownValue(turn: Turn, value: Value): KnownValue {
  const { certified, last } = turn.state
  return {
    value,
    manifest: manifestKey(value.previous, value.entries),
    fresh: value.entries.filter((entry) => {
      const before = certified[placeInManifest(entry)]
      return before?.root !== entry.root || before.round !== entry.round
    }),
    fault: valueFault(turn.context.federation, last, value),
  }
}

/** Checks that there is evidence for each exclusion; gossip brings it. */
function exclusions(turn: Turn, { value }: KnownValue): Verdict | null {
  const open = value.excluded.filter((member) => !isDishonest(turn, member))
  return open.length === 0 ? null : wait(`missing evidence against ${open.join(', ')}`)
}

/**
 * The members that a list leaves out although this peer held their vectors when the attempt began. Masked vectors
 * cannot be judged one by one, so nobody may be left out by choice.
 */
export function leftOut(turn: Turn, hash: Hash): number[] {
  const { candidate, round, values } = turn.state
  const known = values[hash]
  if (phase(turn) !== 'list' || candidate === null || typeof known !== 'object') return []
  const listed = new Set(known.fresh.map(({ member }) => member))
  const held = candidate.entries.filter((entry) => entry.round === round && !isDishonest(turn, entry.member))
  return [...new Set(held.map(({ member }) => member))].filter((member) => !listed.has(member))
}

function contributions(turn: Turn, { fresh }: KnownValue): Verdict | null {
  const uncommitted = new Set<number>()
  const missing = new Set<number>()
  for (const entry of fresh) {
    const name = `member ${entry.member}, block ${entry.block}, round ${entry.round}`
    const committed = commitment(turn, entry)
    if (committed === 'no') return bad(`no commit of ${name} names it`)
    if (committed === 'unknown') {
      uncommitted.add(entry.member)
      continue
    }
    const status = contributionStatus(turn, entry)
    if (status === 'invalid') return bad(`the contribution of ${name} is invalid`)
    if (status === undefined) requestContribution(turn, entry)
    if (status !== 'valid') missing.add(entry.member)
  }
  if (uncommitted.size > 0) return wait(`missing commit of ${[...uncommitted].join(', ')}`)
  return missing.size === 0 ? null : wait(`missing contribution of ${[...missing].join(', ')}`)
}

/** Whether a signed commit names this entry; `unknown` until the commit and its list have arrived. */
function commitment(turn: Turn, { member, block, round, root }: ManifestEntry): 'yes' | 'no' | 'unknown' {
  const lists = listsOf(turn, member, round)
  for (const list of lists) {
    if (typeof list !== 'string' && list.some((entry) => entry.block === block && entry.root === root)) return 'yes'
  }
  return lists.length === 0 || lists.includes('fetching') ? 'unknown' : 'no'
}

function merge(turn: Turn, { value, manifest }: KnownValue): Verdict {
  const result = mergeOf(turn, manifest, value.entries, turn.state.last?.manifest ?? null)
  if (result === null) return wait('merging')
  if (result.root !== value.merged) return bad(`merged to ${short(result.root)}, not ${short(value.merged)}`)
  if (result.moved !== value.moved || result.bits !== value.bits) {
    return bad(`${result.moved} of ${result.bits} bits moved, not ${value.moved} of ${value.bits}`)
  }
  return { is: 'good' }
}
