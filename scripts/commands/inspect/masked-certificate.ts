/** The certificate of a masked plan: what its round has decided, and which sums are open or stay closed. */
import { federationOf } from '../../../peers/round/federation.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { closedOpenings, maskedRound } from '../../../protocols/round/masked/sums.ts'
import type { Value } from '../../../protocols/round/messages/value.ts'
import type { VectorForm } from '../../../src/merge/masked/vector.ts'
import { kindOfOpening, partOfSlot } from '../../../src/merge/openings.ts'
import { SUMMED } from '../../report/masked-sums.ts'
import { decisionInWords, type PART_NAMES, type ReportedPhase } from '../../report/rounds.ts'
import { blocksInWords } from '../../terminal/numbers.ts'

interface Site {
  member: number
  site: string | null
}

/** An entry of the manifest. */
export interface Shown extends Site {
  round: number
  root: string
}

export interface MaskedCertificate extends ReportedPhase {
  /** The members in the list, or whose keys or sheets are there. */
  members: Site[]
  /** Decoder blocks of the opening. */
  blocks: number[]
  /** Openings so far whose sums are never opened. */
  closed: Array<{ opening: number; of: VectorForm['kind']; blocks: number[] }>
  /** Entries of the manifest that are no vectors. */
  others: Array<Shown & { part: keyof typeof PART_NAMES }>
}

/** null: the plan is open. */
export function maskedCertificate(plan: Plan, value: Value): MaskedCertificate | null {
  const federation = federationOf(plan)
  const { masked } = federation
  const { blocks } = plan.offer.model
  const decided = maskedRound(federation, blocks, value)
  if (masked === null || decided === null) return null
  const siteOf = (member: number) => plan.members[member]?.site ?? null
  return {
    phase: decided.phase,
    opening: decided.opening,
    sites: decided.members.length,
    members: decided.members.map((member) => ({ member, site: siteOf(member) })),
    blocks: decided.blocks,
    closed: closedOpenings(federation, blocks, value).map(({ opening, blocks }) => {
      return { opening, of: kindOfOpening(plan.offer, opening), blocks }
    }),
    others: value.entries.flatMap(({ block: slot, ...entry }) => {
      const part = partOfSlot(masked, slot)
      return part === 'vector' ? [] : [{ ...entry, site: siteOf(entry.member), part }]
    }),
  }
}

/** A member for people. */
export type Name = (of: { member: number }) => string

export function decidedInWords(certificate: MaskedCertificate, { offer }: Plan, round: number, name: Name): string[] {
  const { blocks, closed, members, opening, others, phase } = certificate
  const decision = decisionInWords({ phase, opening, blocks, members: members.map(({ member }) => member) }, offer)
  const reveals = others.filter((entry) => entry.part === 'reveal' && entry.round === round)
  return [
    `In this round ${decision}.`,
    ...(members.length === 0 ? [] : [`These sites are ${members.map(name).join(', ')}.`]),
    ...(reveals.length === 0 ? [] : [`Revealed by ${reveals.map(name).join(', ')}.`]),
    ...closed.map((sum) => `Never opened: the sum of the ${SUMMED[sum.of]}, ${blocksInWords(sum.blocks)}.`),
  ]
}
