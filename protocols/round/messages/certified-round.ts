/** A round, as far as its certificate alone tells: this outlasts every process. */
import { type Certified, type Federation, uncoveredBlocks } from './value.ts'

export interface CertifiedRound {
  round: number
  /** Id of the certificate. */
  certificate: string
  /** The number of entries in the manifest. */
  contributions: number
  /** Blocks without a contribution. */
  uncovered: number[]
  /** The number of mask bits that changed since the certificate before, and the number of all mask bits. */
  moved: number
  bits: number
}

export function certifiedRound(federation: Pick<Federation, 'blocks'>, { id, value }: Certified): CertifiedRound {
  return {
    round: value.round,
    certificate: id,
    contributions: value.entries.length,
    uncovered: uncoveredBlocks(federation, value),
    moved: value.moved,
    bits: value.bits,
  }
}
