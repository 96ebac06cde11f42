/**
 * The harm of a merge to this member's own text: by how many times its perplexity is that of the member's own blocks
 * alone. A member prevotes no merge whose harm is above the plan's limit. Members need not find the same, so agreement
 * does not depend on it: once a quorum has prevoted a value, the others follow, since most of that quorum is honest
 * and has measured the harm on its own text.
 */
import { MIN_HARMED_PROPOSERS } from '../messages/constants.ts'
import { type ManifestEntry, placeInManifest } from '../messages/value.ts'
import { emit, exit, oneHonest, patch, phase, type Turn } from '../turn.ts'
import type { RoundEvent } from '../types.ts'
import { newestOf } from './manifest.ts'

/** The harm of a merge to a member that has nothing to compare it with. */
const NONE = 1

/**
 * The harm of a merge that is kept; null while it is measured. It is 1 at a member without blocks of its own, and at
 * one that is still pruning, whose engine is busy: others need its vote.
 */
export function harmOf(turn: Turn, manifest: string): number | null {
  const merge = turn.state.merges[manifest]
  if (typeof merge === 'object' && merge.doubt !== null) return Number.POSITIVE_INFINITY
  const known = turn.state.harms[manifest]
  if (known !== undefined) return known === 'measuring' ? null : known
  const own = ownEntries(turn)
  if (own.length === 0 || turn.state.pruning !== null) return NONE
  patch(turn, { harms: { ...turn.state.harms, [manifest]: 'measuring' } })
  emit(turn, { type: 'measure', manifest, own })
  return null
}

export function onMeasured(turn: Turn, { manifest, harm }: Extract<RoundEvent, { type: 'measured' }>): void {
  if (turn.state.harms[manifest] === 'measuring') patch(turn, { harms: { ...turn.state.harms, [manifest]: harm } })
}

/**
 * The newest contribution of this member to each block, whether or not a certificate has it. Where each block is
 * offered once, only those that are to be merged now, once all parts have come.
 */
function ownEntries(turn: Turn): ManifestEntry[] {
  const { blocks, once, pairs } = turn.context.federation
  const member = turn.context.self
  const decides = phase(turn)
  if (decides !== 'open') return decides === 'reveal' ? ownListed(turn) : []
  const newest = newestOf(turn, member)
  if (once) return [...newest.values()].filter(({ block }) => pairs === null || block >= pairs)
  const all = Array.from({ length: blocks }, (_, block) => {
    return newest.get(block) ?? turn.state.certified[placeInManifest({ member, block })]
  })
  return all.filter((entry) => entry !== undefined)
}

/** The contributions of this member to the sum that is opened now, if they are merged with it. */
function ownListed({ context, state }: Turn): ManifestEntry[] {
  const { pairs } = context.federation
  return Object.values(state.certified).filter(({ block, member, round }) => {
    return member === context.self && round === state.round - 1 && (pairs === null || block >= pairs)
  })
}

/** A harm for people: "perplexity 2.31 times that of its own blocks". */
export function harmInWords(harm: number): string {
  if (harm === Number.POSITIVE_INFINITY) return 'no numbers, or a sum that cannot be honest'
  return `perplexity ${harm.toPrecision(3)} times that of its own blocks`
}

/** Records that this member refuses a proposal for its harm. */
export function refuseHarm(turn: Turn, proposer: number, harm: number): void {
  patch(turn, { harmful: { ...turn.state.harmful, [proposer]: harm } })
}

/**
 * Gives up when the merges of so many proposers would harm this member that one of them, at least, is honest and has
 * found nothing better.
 */
export function isHarmedByAll(turn: Turn): boolean {
  const proposers = Object.entries(turn.state.harmful)
  const active = turn.roster.length - (turn.state.last?.value.excluded.length ?? 0)
  if (proposers.length < Math.min(active, Math.max(MIN_HARMED_PROPOSERS, oneHonest(turn)))) return false
  const doubt = doubtOf(turn)
  if (doubt !== null) exit(turn, 'cheated', `${doubt}, in what ${proposers.length} members have proposed`)
  else {
    const figures = proposers.map(([proposer, harm]) => `${harm.toPrecision(3)} (member ${proposer})`).join(', ')
    const limit = turn.context.federation.harmLimit
    exit(turn, 'harmed', `its perplexity here is ${figures} times that of own contributions, the limit is ${limit}`)
  }
  return true
}

/** Why this site finds that a sum of this round cannot be honest; null: it does not. */
function doubtOf({ state }: Turn): string | null {
  const merges = Object.values(state.merges).flatMap((merge) => (merge === 'running' ? [] : (merge.doubt ?? [])))
  return merges[0] ?? null
}
