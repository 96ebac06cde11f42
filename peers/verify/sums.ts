/** The part of `verify`'s report that tells of a masked plan's sums. */
import type { Plan } from '../../protocols/plan/plan.ts'
import { listRound } from '../../protocols/round/masked/phases.ts'
import type { MaskedRound } from '../../protocols/round/masked/sums.ts'
import type { Value } from '../../protocols/round/messages/value.ts'
import type { VectorForm } from '../../src/merge/masked/vector.ts'
import { kindOfOpening } from '../../src/merge/openings.ts'

/** The sum of an opening. */
export interface VerifiedSum {
  opening: number
  of: VectorForm['kind']
  /** Decoder blocks, ascending. */
  blocks: number[]
  /** The number of sites in it. */
  sites: number
  /**
   * `opened`: again, from the vectors of these sites. `replaced`: it was opened in its round, and nobody keeps its
   * vectors since those of a later opening have replaced them. `closed`: too few sites had come, so it was never
   * opened.
   */
  state: 'opened' | 'replaced' | 'closed'
}

/** @param last - of the last certificate */
export function verifiedSum({ opening, blocks, members }: MaskedRound, { offer }: Plan, last: Value): VerifiedSum {
  const number = opening ?? 0
  const isHeld = last.entries.some(({ round }) => round === listRound(number))
  const state = members.length === 0 ? 'closed' : isHeld ? 'opened' : 'replaced'
  return { opening: number, of: kindOfOpening(offer, number), blocks, sites: members.length, state }
}
