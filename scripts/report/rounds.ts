/** A certified round in one sentence, and what a report tells of it. */
import type { Offer } from '../../protocols/plan/offer.ts'
import type { MaskedRound } from '../../protocols/round/masked/sums.ts'
import type { CertifiedRound } from '../../protocols/round/messages/certified-round.ts'
import type { MergeRule } from '../../src/form/merging.ts'
import { isStructuredMethod } from '../../src/form/method.ts'
import { kindOfOpening } from '../../src/merge/openings.ts'
import { blocksInWords, counted } from '../terminal/numbers.ts'
import { closedInWords, SUMMED } from './masked-sums.ts'

/** The parts of a masked plan that are no vectors. */
export const PART_NAMES = { key: 'key', sheet: 'key sheet', reveal: 'reveal' }

/** A round of a masked plan, as a report tells it. */
export interface ReportedPhase {
  phase: MaskedRound['phase']
  /** Null in the rounds of keys and key sheets, which are for all openings. */
  opening: number | null
  /** The number of sites whose keys or sheets are there, or that are in the list. With none the sum is not opened. */
  sites: number
}

/** Nothing is added to a report of an open plan. */
export function reportedPhase(masked: MaskedRound | null): Partial<ReportedPhase> {
  return masked === null ? {} : { phase: masked.phase, opening: masked.opening, sites: masked.members.length }
}

/** Whether a round leaves the model as it was, because what is summed is opened in a later one, or never. */
export function leavesModel(
  { maskChange, phase, sites }: Partial<ReportedPhase> & { maskChange: number },
  merge: MergeRule,
): boolean {
  const isOpened = phase === undefined || (phase === 'reveal' && sites !== 0)
  return !isOpened || (merge === 'pooled' && maskChange === 0)
}

/** The rounds that change the model: names, and places in the list. Where sites pool, each is of a group of blocks. */
export function modelSteps(
  rounds: readonly (Partial<ReportedPhase> & { round: number; maskChange: number })[],
  merge: MergeRule,
): { name: string; at: number }[] {
  const changing = rounds.flatMap((round, at) => (leavesModel(round, merge) ? [] : [{ round: round.round, at }]))
  return changing.map(({ round, at }, i) => ({ name: merge === 'pooled' ? `group ${i + 1}` : `round ${round}`, at }))
}

/** The offer's parts that say what is summed, and of what a share has changed. */
type Terms = Pick<Offer, 'method' | 'merge' | 'rounds'>

/** @param rounds - of the whole plan */
export function roundInWords(certified: CertifiedRound, terms: Terms, rounds: number): string {
  const { round, contributions, certificate, masked, moved } = certified
  const share = `${changeInWords(certified, terms)} changed`
  if (masked === null) {
    const merged = `${counted(contributions, 'contribution')} merged${round > 1 ? `, ${share} since the last round` : ''}`
    return `Round ${round} of ${rounds} agreed: ${merged} (certificate ${certificate.slice(0, 8)})`
  }
  const change = moved > 0 ? `, ${share}` : ''
  return `Round ${round} of ${rounds}: ${decisionInWords(masked, terms)}${change} (certificate ${certificate.slice(0, 8)})`
}

function changeInWords({ bits, moved }: CertifiedRound, { method }: Terms): string {
  return `${((100 * moved) / bits).toFixed(1)} % of the ${isStructuredMethod(method) ? 'heads and channels' : 'masks'}`
}

/** The decision of a round of a masked plan. */
export function decisionInWords({ phase, opening, blocks, members }: MaskedRound, terms: Terms): string {
  const sites = counted(members.length, 'site')
  if (opening === null) return `the ${phase === 'keys' ? 'keys' : 'key sheets'} of all ${sites} are certified`
  const of = kindOfOpening(terms, opening)
  const where = blocksInWords(blocks)
  if (members.length > 0) {
    if (phase === 'list') return `the masked ${SUMMED[of]} of ${sites} are listed: ${where}`
    return `the sum of the ${SUMMED[of]} of ${sites} is opened: ${where}`
  }
  if (phase === 'reveal') return `no sum is opened, since nobody is in its list: ${where}`
  return `too few sites have come for a sum of the ${SUMMED[of]}, which is never opened: ${where}; ${closedInWords(of)}`
}
