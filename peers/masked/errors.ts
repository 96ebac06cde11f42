/** Refusals of masked plans. */
import type { SecretKind } from '../../protocols/masked/key-sheet.ts'
import type { RevealedShare } from '../../protocols/masked/reveal.ts'

/** The proof that a dealer has cheated. Its sheet has the hashes of these shares and of the secret. */
interface CheatedShares {
  dealer: number
  opening: number
  kind: SecretKind
  /** Shares as they were dealt, with their receivers. Any quorum of an honest dealer's gives the secret. */
  shares: readonly RevealedShare[]
}

/**
 * A dealer has dealt shares that do not give back the secret to which its sheet commits. Its opening can never be
 * summed. The dealer is at fault.
 */
export class DealerCheatedError extends Error {
  static name = 'DealerCheatedError'
  readonly name = 'DealerCheatedError'
  readonly evidence: CheatedShares

  constructor(evidence: CheatedShares) {
    const { dealer, opening, kind, shares } = evidence
    const dealt = `the ${shares.length} shares that member ${dealer} has dealt of its "${kind}" do not give it back`
    super(`${dealt}, so opening ${opening} can never be summed`)
    this.evidence = evidence
  }
}
