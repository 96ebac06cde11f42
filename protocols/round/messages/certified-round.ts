/** A round, as far as its certificate alone tells: this outlasts every process. */
import { isPersonal } from '../masked/phases.ts'
import { type MaskedRound, maskedRound } from '../masked/sums.ts'
import { type Certified, type Federation, uncoveredBlocks, type Value } from './value.ts'

export interface CertifiedRound {
  round: number
  /** Id of the certificate. */
  certificate: string
  /** The number of contributions to blocks in the manifest: keys, key sheets and reveals are none. */
  contributions: number
  /** Blocks that have base weights. */
  uncovered: number[]
  /** The number of mask bits that changed since the certificate before, and the number of all mask bits. */
  moved: number
  bits: number
  /** null: the plan is open. */
  masked: MaskedRound | null
}

/** @param blocks - decoder blocks of the model */
export function certifiedRound(federation: Federation, blocks: number, { id, value }: Certified): CertifiedRound {
  return {
    round: value.round,
    certificate: id,
    contributions: value.entries.filter(({ block }) => !isPersonal(federation, block)).length,
    uncovered: baseBlocks(federation, blocks, value),
    moved: value.moved,
    bits: value.bits,
    masked: maskedRound(federation, blocks, value),
  }
}

/**
 * The decoder blocks that have base weights, since nobody has contributed. Where a block is offered in two parts, it is
 * pruned with the second one; where sums are masked, with the reveals in the round after its list.
 * @param blocks - decoder blocks of the model
 */
export function baseBlocks({ masked, pairs }: Federation, blocks: number, value: Value): number[] {
  const merged = masked === null ? value.entries : value.entries.filter(({ round }) => round < value.round)
  const entries = merged.map((entry) => ({ ...entry, block: entry.block - (pairs ?? 0) }))
  return uncoveredBlocks({ blocks }, { ...value, entries })
}
