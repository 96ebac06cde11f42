/** Refusals of masked plans. */
import type { SecretKind } from '../../protocols/masked/key-sheet.ts'
import type { RevealedShare } from '../../protocols/masked/reveal.ts'
import { NoAgreementError } from '../../src/base/errors.ts'

/** The proof that a dealer has cheated. Its sheet has the hashes of these shares and of the secret. */
interface CheatedShares {
  dealer: number
  opening: number
  kind: SecretKind
  /** Shares as they were dealt, with their receivers. Any quorum of an honest dealer's gives the secret. */
  shares: readonly RevealedShare[]
}

/** A dealer has dealt shares that do not give back the secret to which its sheet commits. The dealer is at fault. */
export class DealerCheatedError extends NoAgreementError {
  readonly evidence: CheatedShares

  constructor(evidence: CheatedShares) {
    const { dealer, opening, kind, shares } = evidence
    super({
      code: 'NO_AGREEMENT_DEALER',
      what: `the ${shares.length} shares that member ${dealer} has dealt of its "${kind}" do not give it back, so opening ${opening} can never be summed`,
      hint: 'Found a new federation with all others. If one more is missing there, this member could compute its part.',
    })
    this.evidence = evidence
  }
}
