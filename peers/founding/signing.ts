/** How a peer accepts an offer and signs the plan that follows from it. */
import type { FoundingWatcher, PlanSigner } from '../../protocols/founding/index.ts'
import { type Acceptance, makeAcceptance } from '../../protocols/plan/acceptance.ts'
import type { SealedOffer } from '../../protocols/plan/offer.ts'
import type { Signer } from '../../protocols/wire/signing.ts'
import type { PeerInit, Site, Starting } from '../init.ts'

interface Signing extends FoundingWatcher {
  /** Whether a person is asked before this peer signs. */
  asks: boolean
  sign: PlanSigner
}

/** How this peer signs a plan, and what it tells while the others do. */
export function signing({ agree, data }: PeerInit, { signer, tell }: Starting): Signing {
  return {
    asks: agree !== null,
    async sign(plan, signal) {
      const isAgreed = agree === null || data.signedPlans.has(plan) || (await agree(plan, signal))
      return isAgreed ? data.signedPlans.sign(signer, plan) : null
    },
    onWaiting: (sites, members) => tell({ type: 'waiting', sites, members }),
    onSigning: (plan, signed) => tell({ type: 'signing', plan, signed }),
  }
}

/** The acceptance of an offer by a site. @param secret - of the invitation */
export function acceptanceOf(
  signer: Signer,
  offer: SealedOffer,
  secret: Uint8Array,
  { site, capacity }: Site,
): Acceptance {
  return makeAcceptance(signer, { offer: offer.hash, secret, site, capacity })
}
